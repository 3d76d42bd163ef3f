/* RDMSR and WRMSR by the MSR permission map: both bits, the three ranges, numbers outside them. */
#include "svm.h"

static void msr(const char *name, u32 number, u32 bit, u32 ring, const void *code)
{
    guest_begin();
    guest_ring(ring);
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_MSR;
    if (bit != ~0u)
        map_close(msrpm, bit >> 3, 1 << (bit & 7));
    guest.ecx = number;
    guest_show = SHOW_ECX;
    guest_run(name, code);
}

int main(void)
{
    const void *rd = GUEST("rdmsr"), *wr = GUEST("movl $0x1000, %eax\nxorl %edx, %edx\nwrmsr");
    put("msr\n");
    svm_on();
    msr("sysenter_cs, read bit: read", MSR_SYSENTER_CS, 0x174 * 2, 0, rd);
    msr("sysenter_cs, read bit: write", MSR_SYSENTER_CS, 0x174 * 2, 0, wr);
    msr("sysenter_cs, write bit: read", MSR_SYSENTER_CS, 0x174 * 2 + 1, 0, rd);
    msr("sysenter_cs, write bit: write", MSR_SYSENTER_CS, 0x174 * 2 + 1, 0, wr);
    msr("efer, read", MSR_EFER, 0x800 * 8 + 0x80 * 2, 0, rd);
    msr("efer, write", MSR_EFER, 0x800 * 8 + 0x80 * 2 + 1, 0, wr);
    msr("efer, open", MSR_EFER, ~0u, 0, rd);
    msr("vm_hsave_pa, read", MSR_VM_HSAVE_PA, 0x1000 * 8 + 0x117 * 2, 0, rd);
    msr("vm_hsave_pa, write", MSR_VM_HSAVE_PA, 0x1000 * 8 + 0x117 * 2 + 1, 0, wr);
    msr("outside the ranges, read", 0x40000000, ~0u, 0, rd);
    msr("outside the ranges, write", 0xC0012345, ~0u, 0, wr);
    msr("just behind the first range", 0x2000, ~0u, 0, rd);
    msr("the last of the first range", 0x1FFF, 0x1FFF * 2, 0, rd);
    msr("ring 3: #GP first", MSR_EFER, 0x800 * 8 + 0x80 * 2, 3, rd);
    guest_begin();
    map_close(msrpm, 0x800 + 0x20, 0xFF);
    guest.ecx = MSR_EFER;
    guest_show = SHOW_EAX;
    guest_run("intercept clear: the map does not matter", rd);
    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_MSR;
    V32(MSRPM_BASE_PA) = (u32)msrpm | 0xFFF;
    map_close(msrpm, 0x800 + 0x20, 1);
    guest.ecx = MSR_EFER;
    guest_run("low bits of the base are ignored", rd);
    put("end\n");
    return 0;
}
