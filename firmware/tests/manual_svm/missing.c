/* Ring -1, where it differs from AMD's: the README's paragraph, and what of the 486SX is not there as a VMCB can ask for it. */
#include "../manual/check.h"
#include "svm.h"

#define CPUID_SVM 0x8000000A
#define EFLAGS_VM 0x20000
#define INVALID (~0u) /* what EXITCODE holds of it */
#define TS_VECTOR 10
#define PATTERN 0x6B
#define INWARD 0x40 /* vector by which ring 3 gets into ring 0 */

extern char guest_stubs[];

static void enter(const char *name, const void *code, u32 exit, u32 info1)
{
    V32(RIP) = (u32)code;
    guest_vector = NONE;
    guest_enter();
    checked++;
    if (V32(EXITCODE) == exit && (exit != EXIT_EXCEPTION + TS_VECTOR || V32(EXITINFO1) == info1))
        return;
    wrong++;
    put("WRONG, expected");
    put_field("exit", exit);
    put_field("info1", info1);
    put(": ");
    guest_line(name, code);
}

static u32 asids(void)
{
    u32 eax = CPUID_SVM, ebx, ecx, edx;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
    return ebx;
}

static void refused(const void *code)
{
    u32 count = asids();
    put("VMRUN refuses\n");
    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_TASK_SWITCH;
    enter("intercept of task switches", code, INVALID, 0);
    guest_begin();
    V32(NP_ENABLE) = 1;
    enter("nested paging", code, INVALID, 0);
    guest_begin();
    V32(RFLAGS) |= EFLAGS_VM;
    enter("virtual-8086 mode", code, INVALID, 0);
    check_value("there are ASIDs", count > 1, 1);
    guest_begin();
    V32(ASID) = count;
    enter("an ASID beyond the last", code, INVALID, 0);
    guest_begin();
    V32(ASID) = 0xFFFFFFFF;
    enter("an ASID far beyond", code, INVALID, 0);
    guest_begin();
    V32(ASID) = count - 1;
    enter("the last ASID", code, EXIT_VMMCALL, 0);
    guest_begin();
    enter("and then runs", code, EXIT_VMMCALL, 0);
}

static void accepted(const void *code)
{
    put("intercepts of what cannot occur\n");
    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_SMI | INTERCEPT1_RSM | INTERCEPT1_FERR;
    V32(INTERCEPT_GENERAL2) |= INTERCEPT2_MONITOR | INTERCEPT2_MWAIT | INTERCEPT2_MWAIT_CONDITIONAL | INTERCEPT2_XSETBV | INTERCEPT2_RDTSCP;
    enter("are accepted", code, EXIT_VMMCALL, 0);
}

/* VMLOAD and VMSAVE leave STAR, LSTAR, CSTAR, SFMASK and KERNEL_GS_BASE of the VMCB alone. */
static void left_alone(const void *code)
{
    u32 n, changed = 0;
    put("STAR and the 64-bit MSRs\n");
    guest_begin();
    fill(vmcb + VMCB_STAR, PATTERN, VMCB_SYSENTER_CS - VMCB_STAR);
    enter("whatever they hold", code, EXIT_VMMCALL, 0);
    for (n = VMCB_STAR; n < VMCB_SYSENTER_CS; n++)
        changed += vmcb[n] != PATTERN;
    check_value("bytes changed", changed, 0);
}

/* Everything is marked unchanged since the last entry, and everything is different. */
static void ignored(const void *code)
{
    const void *cpuid = GUEST("cpuid");
    put("clean bits and LBR virtualization\n");
    guest_begin();
    enter("before", cpuid, EXIT_VMMCALL, 0);
    guest_begin();
    V32(CLEAN_BITS) = NONE;
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_CPUID;
    V32(ASID) = 2;
    enter("an intercept is new", cpuid, EXIT_CPUID, 0);
    guest_begin();
    V32(LBR_VIRT_ENABLE) = 1;
    V32(DEBUGCTL) = 0x5A;
    enter("with LBR virtualization", code, EXIT_VMMCALL, 0);
    check_value("DEBUGCTL is not written", V32(DEBUGCTL), 0x5A);
}

static void tss16(void)
{
    const void *inward = GUEST("int $" RT_STR(INWARD));
    u32 busy;
    put("16-bit TSS\n");
    set_gate(guest_idt, INWARD, SEL_CODE(0), (u32)guest_stubs + 16 * INWARD, ACC(3, T_INT32), 0);
    for (busy = 0; busy < 2; busy++) {
        guest_begin();
        guest_ring(3);
        V32(INTERCEPT_EXCEPTIONS) = 1 << TS_VECTOR;
        V16(TR_ATTRIB) = ACC(0, busy ? T_TSS16_BUSY : T_TSS16);
        enter("a stack switch through it", inward, EXIT_EXCEPTION + TS_VECTOR, V16(TR_SELECTOR));
    }
    guest_begin();
    guest_ring(3);
    V32(INTERCEPT_EXCEPTIONS) = 1 << TS_VECTOR;
    enter("through a 32-bit one", inward, EXIT_VMMCALL, 0);
    check_value("vector", guest_vector, INWARD);
}

int main(void)
{
    const void *nop = GUEST("nop");
    put("missing\n");
    svm_on();
    refused(nop);
    accepted(nop);
    left_alone(nop);
    ignored(nop);
    tss16();
    return conclude();
}
