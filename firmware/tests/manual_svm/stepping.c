/* Single stepping and ring -1: the guest's TF does not act in the host, the host's acts after the #VMEXIT and never in the guest
 * (AMD64 APM vol. 2, 15.5.1 and 15.6).
 */
#include "../manual/check.h"
#include "svm.h"

#define FLAG_TF 0x100
#define VECTOR_DB 1
#define DR6_ALWAYS 0xFFFF0FF0u
#define DR6_BS 0x4000u

static u32 traps, trap_eip, trap_flags;
extern char behind_vmrun[];

static u32 hook(struct frame *f)
{
    if (f->vector != VECTOR_DB)
        return 0;
    traps++;
    trap_eip = f->eip;
    trap_flags = f->eflags;
    f->eflags &= ~(u32)FLAG_TF;
    return 1;
}

static void go(const void *code)
{
    V32(RIP) = (u32)code;
    guest_vector = ~0u;
    traps = 0;
    guest_enter();
}

static void enter_stepping(const void *code)
{
    V32(RIP) = (u32)code;
    guest_vector = ~0u;
    traps = 0;
    __asm__ volatile(
        "pushal\npushfl\norl $0x100, (%%esp)\npopfl\nvmrun\n.global behind_vmrun\nbehind_vmrun: pushfl\nandl $~0x100, (%%esp)\npopfl\npopal\n"
        "stgi"
        :
        : "a"(vmcb)
        : "memory", "cc");
}

int main(void)
{
    const void *code;
    put("stepping\n");
    svm_on();
    trap_hook = hook;

    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_CPUID;
    V32(RFLAGS) = 2 | FLAG_TF;
    go(GUEST("cpuid"));
    check_value("the guest steps into an exit: exit", V32(EXITCODE), EXIT_CPUID);
    check_value("traps of the host", traps, 0);
    check_value("TF in the VMCB", V32(RFLAGS) & FLAG_TF, FLAG_TF);

    guest_begin();
    V32(RFLAGS) = 2 | FLAG_TF;
    V32(INTERCEPT_EXCEPTIONS) = 1 << 6;
    go(GUEST("ud2"));
    check_value("the guest steps into a fault: exit", V32(EXITCODE), EXIT_EXCEPTION + 6);
    check_value("traps of the host", traps, 0);

    guest_begin();
    V32(RFLAGS) = 2 | FLAG_TF;
    V32(INTERCEPT_EXCEPTIONS) = 1 << VECTOR_DB;
    code = GUEST("nop\nnop");
    go(code);
    check_value("the guest's own trap: exit", V32(EXITCODE), EXIT_EXCEPTION + VECTOR_DB);
    check_value("after its first instruction", V32(RIP) - (u32)code, 1);
    check_value("DR6 says so", V32(DR6), DR6_ALWAYS | DR6_BS);
    check_value("traps of the host", traps, 0);

    guest_begin();
    V32(RFLAGS) = 2 | FLAG_TF;
    go(GUEST("nop\nnop"));
    check_value("the guest takes its trap: vector", guest_vector, VECTOR_DB);
    check_value("DR6 says so", V32(DR6), DR6_ALWAYS | DR6_BS);
    check_value("traps of the host", traps, 0);

    guest_begin();
    enter_stepping(GUEST("nop\nnop"));
    check_value("the host steps VMRUN: exit", V32(EXITCODE), EXIT_VMMCALL);
    check_value("vector in the guest", guest_vector, ~0u);
    check_value("traps of the host", traps, 1);
    check_value("behind VMRUN", trap_eip, (u32)behind_vmrun);
    check_value("with TF", trap_flags & FLAG_TF, FLAG_TF);

    guest_begin();
    V32(ASID) = 0;
    enter_stepping(GUEST("nop"));
    check_value("the host steps a VMRUN that is invalid: exit", V32(EXITCODE), EXIT_INVALID);
    check_value("traps of the host", traps, 1);
    check_value("behind VMRUN", trap_eip, (u32)behind_vmrun);

    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_CPUID;
    V32(RFLAGS) = 2 | FLAG_TF;
    enter_stepping(GUEST("cpuid"));
    check_value("both step: exit", V32(EXITCODE), EXIT_CPUID);
    check_value("traps of the host", traps, 1);
    check_value("behind VMRUN", trap_eip, (u32)behind_vmrun);
    return conclude();
}
