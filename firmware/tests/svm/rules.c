/* Where the instructions of ring -1 raise #UD and #GP, and which VMCBs VMRUN refuses. */
#include "svm.h"

static const void *nop_code;

static void try(const char *name) { guest_run(name, nop_code); }

int main(void)
{
    const void *all[] = {SNIPPET("vmrun"), SNIPPET("vmload"), SNIPPET("vmsave"), SNIPPET("stgi"), SNIPPET("clgi\nstgi"), SNIPPET("invlpga"), SNIPPET("vmmcall"), SNIPPET("skinit")};
    static const char *const NAMES[] = {"vmrun", "vmload", "vmsave", "stgi", "clgi", "invlpga", "vmmcall", "skinit"};
    u32 n;
    nop_code = GUEST("nop");
    put("rules\n");
    put("without SVME\n");
    for (n = 0; n < 8; n++)
        if (n != 3 && n != 7) /* STGI and SKINIT: see the manual's SKINIT rule */
            run(NAMES[n], all[n], 0, (u32)vmcb, 0, 0, 0);
    put("without SVME, ring 3\n");
    for (n = 0; n < 7; n++)
        if (n != 3)
            run(NAMES[n], all[n], 3, (u32)vmcb, 0, 0, 0);
    svm_on();
    put("ring 3\n");
    for (n = 0; n < 7; n++)
        run(NAMES[n], all[n], 3, (u32)vmcb, 0, 0, 0);
    put("ring 0\n");
    for (n = 1; n < 7; n++)
        run(NAMES[n], all[n], 0, (u32)host_vmcb, 0, 0, 0);
    run("vmrun, misaligned", all[0], 0, (u32)vmcb + 0x800, 0, 0, 0);
    run("vmload, misaligned", all[1], 0, (u32)host_vmcb + 4, 0, 0, 0);
    run("vmsave, misaligned", all[2], 0, (u32)host_vmcb + 0x10, 0, 0, 0);
    put("VMCBs\n");
    guest_begin();
    try("good");
    guest_begin();
    V32(ASID) = 0;
    try("asid 0");
    guest_begin();
    V32(INTERCEPT_GENERAL2) = INTERCEPT2_VMMCALL;
    try("vmrun not intercepted");
    guest_begin();
    V32(EFER) = 0;
    try("efer.svme clear");
    guest_begin();
    V32(CR0) = 0x20000011;
    try("NW without CD");
    guest_begin();
    V32(CR0) = 0x60000011;
    try("NW and CD");
    guest_begin();
    V32(CR0) = 0x40000011;
    try("CD");
    guest_begin();
    V32H(CR0) = 1;
    try("cr0 bit 32");
    guest_begin();
    V32(CR4) = 0x80000000;
    try("cr4 bit 31");
    guest_begin();
    V32H(CR4) = 1;
    try("cr4 bit 32");
    guest_begin();
    V32(EFER) = EFER_SVME | 2;
    try("efer bit 1");
    guest_begin();
    V32H(EFER) = 1;
    try("efer bit 32");
    guest_begin();
    V32H(IOPM_BASE_PA) = 0x100000;
    try("iopm beyond physical memory");
    guest_begin();
    V32(IOPM_BASE_PA) = 0xFFFFD000; /* its three pages end where the address space does */
    try("the last iopm");
    guest_begin();
    V32H(MSRPM_BASE_PA) = 0x100000;
    try("msrpm beyond physical memory");
    guest_begin();
    V32(RFLAGS) = 0;
    V32(INTERCEPT_CR_READ) = 0;
    try("rflags bit 1 is read as 1");
    put("end\n");
    return 0;
}
