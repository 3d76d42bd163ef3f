/* Breakpoints and ring -1 (AMD64 APM vol. 2, 15.5, 15.6, 15.9, 15.12.2, 15.17): the guest's by its VMCB's DR7, the host's until #VMEXIT and
 * while GIF is set; what comes before what. */
#include "../manual/check.h"
#include "svm.h"

#define EFLAGS_TF 0x100
#define EFLAGS_RF 0x10000
#define VECTOR_DB 1
#define DR6_NOTHING 0xFFFF0FF0
#define DR6_BS 0x4000
#define DR6_BD 0x2000
#define DR7_NOTHING 0x400
#define DR7_GD 0x2000
#define EXECUTE 0
#define WRITE 1
#define ENABLE(n, type, size) (2u << 2 * (n) | (u32)(type) << (16 + 4 * (n)) | (u32)((size)-1) << (18 + 4 * (n)) | DR7_NOTHING)
#define INVALID (~0u)

static u32 cells[4] __attribute__((aligned(16)));
static u32 traps, trap_eip, trap_dr6;
extern char behind_the_entry[];

static void set_dr(u32 a, u32 b) { __asm__ volatile("movl %0, %%db0\nmovl %1, %%db1" : : "r"(a), "r"(b)); }
static void set_dr7(u32 v) { __asm__ volatile("movl %0, %%db7" : : "r"(v) : "memory"); }
static u32 get_dr7(void) { u32 v; __asm__ volatile("movl %%db7, %0" : "=r"(v)); return v; }

static u32 hook(struct frame *f)
{
    if (f->vector != VECTOR_DB)
        return 0;
    traps++;
    trap_eip = f->eip;
    __asm__ volatile("movl %%db6, %0\nmovl %1, %%db6" : "=&r"(trap_dr6) : "r"(DR6_NOTHING));
    f->eflags |= EFLAGS_RF;
    return 1;
}

/* A guest with DR7, the exit that it must come to and where, and what DR6 then says beside what is always set. */
static void watched(const char *name, const u8 *code, u32 offset, u32 dr7, u32 exit, u32 rip, u32 dr6)
{
    put(name);
    newline();
    V32(DR7) = dr7;
    V32(RIP) = (u32)code + offset;
    guest_vector = NONE;
    guest_enter();
    check_value("exit", V32(EXITCODE), exit);
    if (exit != EXIT_VMMCALL)
        check_value("rip", V32(RIP) - (u32)code, rip);
    check_value("dr6", V32(DR6), DR6_NOTHING | dr6);
    check_value("dr7", V32(DR7), dr7 & ~(dr6 ? DR7_GD : 0u));
}

#define DB_EXIT (EXIT_EXCEPTION + VECTOR_DB)

static void begin(void)
{
    guest_begin();
    V32(INTERCEPT_EXCEPTIONS) = 1 << VECTOR_DB;
}

static void guests(void)
{
    const u8 *nops = GUEST("nop\nnop\nincl %eax");
    const u8 *store = GUEST("movl %eax, svm_debug_cells\nnop");
    const u8 *cpuid = GUEST("nop\ncpuid");
    const u8 *both = GUEST("movl %eax, svm_debug_cells\ncpuid");
    const u8 *repeat = GUEST("rep\nstosl");
    set_dr((u32)nops + 1, (u32)nops + 2);
    guest_begin();
    watched("not intercepted", nops, 0, ENABLE(0, EXECUTE, 1), EXIT_VMMCALL, 0, 1);
    check_value("vector", guest_vector, VECTOR_DB);
    begin();
    watched("disabled", nops, 0, DR7_NOTHING, EXIT_VMMCALL, 0, 0);
    begin();
    watched("an instruction", nops, 0, ENABLE(0, EXECUTE, 1), DB_EXIT, 1, 1);
    begin();
    watched("the first one", nops, 1, ENABLE(0, EXECUTE, 1), DB_EXIT, 1, 1);
    begin();
    V32(RFLAGS) |= EFLAGS_RF;
    watched("RF covers the first one", nops, 1, ENABLE(0, EXECUTE, 1) | ENABLE(1, EXECUTE, 1), DB_EXIT, 2, 2);
    begin();
    guest_ring(3);
    watched("ring 3", nops, 0, ENABLE(1, EXECUTE, 1), DB_EXIT, 2, 2);
    begin();
    V32(DR6) = DR6_NOTHING | DR6_BS | 1;
    watched("DR6 keeps BS", nops, 0, ENABLE(1, EXECUTE, 1), DB_EXIT, 2, DR6_BS | 2);
    set_dr((u32)cells, 0);
    begin();
    watched("data", store, 0, ENABLE(0, WRITE, 4), DB_EXIT, 5, 1);
    begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_CPUID;
    watched("data before the next instruction's intercept", both, 0, ENABLE(0, WRITE, 4), DB_EXIT, 5, 1);
    begin();
    guest.ecx = 3;
    guest.edi = (u32)cells;
    watched("in the midst of a repeat", repeat, 0, ENABLE(0, WRITE, 4), DB_EXIT, 0, 1);
    check_value("what is left of it", guest.ecx, 2);
    set_dr((u32)cpuid + 1, 0);
    begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_CPUID;
    watched("an instruction before its intercept", cpuid, 0, ENABLE(0, EXECUTE, 1), DB_EXIT, 1, 1);
    begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_CPUID;
    V32(RFLAGS) |= EFLAGS_RF;
    watched("with RF its intercept", cpuid, 1, ENABLE(0, EXECUTE, 1), EXIT_CPUID, 1, 0);
    begin();
    watched("GD", GUEST("movl %eax, %db0"), 0, DR7_NOTHING | DR7_GD, DB_EXIT, 0, DR6_BD);
    begin();
    V16(INTERCEPT_DR_WRITE) = 0xFF;
    watched("GD before the intercept", GUEST("movl %eax, %db0"), 0, DR7_NOTHING | DR7_GD, DB_EXIT, 0, DR6_BD);
}

static void refused(const u8 *nop)
{
    put("bits 63:32\n");
    guest_begin();
    V32H(DR6) = 1;
    V32(RIP) = (u32)nop;
    guest_enter();
    check_value("of DR6", V32(EXITCODE), INVALID);
    guest_begin();
    V32H(DR7) = 0x80000000;
    V32(RIP) = (u32)nop;
    guest_enter();
    check_value("of DR7", V32(EXITCODE), INVALID);
}

/* The host's own breakpoints: armed in the guest's address space too, but never for it. */
static void hosts(const u8 *nop)
{
    put("the host's\n");
    set_dr((u32)nop, (u32)behind_the_entry);
    guest_begin();
    V32(RIP) = (u32)nop;
    guest_vector = NONE;
    traps = 0;
    set_dr7(ENABLE(0, EXECUTE, 1) | ENABLE(1, EXECUTE, 1));
    __asm__ volatile("pushal\nvmrun\n.global behind_the_entry\nbehind_the_entry: stgi\npopal" : : "a"(vmcb) : "memory", "cc");
    check_value("exit", V32(EXITCODE), EXIT_VMMCALL);
    check_value("vector in the guest", guest_vector, NONE);
    check_value("traps", traps, 0);
    check_value("DR7 after the exit", get_dr7(), DR7_NOTHING);
}

static void held(void)
{
    put("GIF\n");
    set_dr((u32)cells, 0);
    traps = 0;
    set_dr7(ENABLE(0, WRITE, 4));
    __asm__ volatile("clgi\nmovl $1, svm_debug_cells\nnop\nstgi\nnop" : : : "memory");
    check_value("matches while it is clear are dropped", traps, 0);
    __asm__ volatile("movl $2, svm_debug_cells\nnop" : : : "memory");
    check_value("and taken when it is set", traps, 1);
    check_value("dr6", trap_dr6, DR6_NOTHING | 1);
    traps = 0;
    __asm__ volatile("clgi\npushfl\norl $0x100, (%%esp)\npopfl\nnop\npushfl\nandl $~0x100, (%%esp)\npopfl\nstgi" : : : "memory", "cc");
    check_value("TF traps act all the same", traps > 0, 1);
    set_dr7(0);
}

int main(void)
{
    const u8 *nop = GUEST("nop");
    put("debug\n");
    svm_on();
    trap_hook = hook;
    guests();
    refused(nop);
    hosts(nop);
    held();
    return conclude();
}

__asm__(".globl svm_debug_cells\n.set svm_debug_cells, cells");
