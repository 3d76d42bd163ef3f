/* Ring -1 against the manual, for what QEMU does wrong or not at all: INT3, INTO, INVD, the details of IOIO, the next RIP, #DF intercepted,
 * interrupt shadow on entry, injection without an error code, address spaces kept apart without a flush.
 */
#include "../manual/check.h"
#include "svm.h"

static u8 code16[0x10000]; /* of a segment with 16-bit code */

static void go(const void *code)
{
    V32(RIP) = (u32)code;
    guest_vector = ~0u;
    guest_enter();
}

static void expect_exit(const char *name, const void *code, u32 exit, u32 info1, u32 info2, u32 rip)
{
    go(code);
    checked++;
    if (V32(EXITCODE) == exit && V32(EXITINFO1) == info1 && V32(EXITINFO2) == info2 && V32(RIP) - (u32)code == rip)
        return;
    wrong++;
    put("WRONG, expected");
    put_field("exit", exit);
    put_field("info1", info1);
    put_field("info2", info2);
    put_field("rip", rip);
    put(" got info1=");
    put_number(V32(EXITINFO1));
    put(": ");
    guest_line(name, code);
}

/* The exception went through the guest's own table, with this return address. */
static void expect_taken(const char *name, const void *code, u32 vector, u32 at, u32 words)
{
    u32 *stack;
    go(code);
    checked++;
    stack = (u32 *)V32(RSP);
    if (V32(EXITCODE) == EXIT_VMMCALL && guest_vector == vector && *(stack + (words - 3)) - (u32)code == at && GUEST_ESP - (u32)stack == 4 * words)
        return;
    wrong++;
    put("WRONG, expected");
    put_field("took", vector);
    put_field("at", at);
    put_field("words", words);
    put(": ");
    guest_line(name, code);
}

static void software(void)
{
    const void *int3 = GUEST("nop\nint3"), *into = GUEST("movb $0x7f, %al\nincb %al\ninto"), *cd3 = GUEST("nop\n.byte 0xcd, 3");
    put("INT3 and INTO\n");
    guest_begin();
    V32(INTERCEPT_EXCEPTIONS) = 1 << 3;
    expect_exit("int3", int3, EXIT_EXCEPTION + 3, 0, 0, 1);
    check_value("next rip of int3", V32(NRIP) - (u32)int3, 2);
    guest_begin();
    V32(INTERCEPT_EXCEPTIONS) = 1 << 4;
    expect_exit("into", into, EXIT_EXCEPTION + 4, 0, 0, 4);
    check_value("next rip of into", V32(NRIP) - (u32)into, 5);
    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_SWINT;
    expect_taken("int3 is no INT n", int3, 3, 2, 3);
    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_SWINT;
    expect_taken("into is no INT n", into, 4, 5, 3);
    guest_begin();
    V32(INTERCEPT_EXCEPTIONS) = 1 << 3;
    expect_taken("CD 03 is no #BP intercept", cd3, 3, 3, 3);
    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_SWINT;
    expect_exit("CD 03 is INT n", cd3, EXIT_SWINT, 0, 0, 1);
    put("INVD\n");
    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_INVD;
    expect_exit("invd", GUEST("invd"), EXIT_INVD, 0, 0, 0);
    guest_begin();
    V32(INTERCEPT_GENERAL2) |= INTERCEPT2_WBINVD;
    expect_exit("the bit of WBINVD does not catch it", GUEST("invd"), EXIT_VMMCALL, 0, 0, 2);
    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_INVD;
    guest_ring(3);
    go(GUEST("invd"));
    check_value("in ring 3 #GP comes first", guest_vector, 13);
}

#define A16 0x80
#define A32 0x100
#define SEG(n) ((n) << 10)

static void io(const char *name, const void *code, u32 info, u32 next)
{
    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_IOIO;
    guest.edx = 0xED;
    guest.ecx = 2;
    expect_exit(name, code, EXIT_IOIO, 0xED0000 | info, (u32)code + next, 0);
}

static void details(void)
{
    const void *cpuid = GUEST("cpuid"), *cr = GUEST("movl %eax, %cr3"), *msr = GUEST("rdmsr"), *ud = GUEST("ud2"), *hlt = GUEST("hlt");
    put("IOIO\n");
    fill(iopm, 0xFF, IOPM_SIZE); /* stays so: maps_used is not set until the end */
    io("in", GUEST("inb %dx, %al"), 0x11 | A32, 1);
    io("out", GUEST("outl %eax, %dx"), 0x40 | A32, 1);
    io("in, 16-bit addresses", GUEST(".byte 0x67\ninb %dx, %al"), 0x11 | A16, 2);
    io("insb", GUEST("insb"), 0x15 | A32, 1);
    io("outsb", GUEST("outsb"), 0x14 | A32 | SEG(3), 1);
    io("outsw from es", GUEST("es outsw"), 0x24 | A32, 3);
    io("rep outsl from gs", GUEST("gs rep outsl"), 0x4C | A32 | SEG(5), 3);
    io("outsb from ss, 16-bit addresses", GUEST("ss addr16 outsb"), 0x14 | A16 | SEG(2), 3);
    put("next RIP\n");
    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_CPUID | INTERCEPT1_MSR | INTERCEPT1_HLT;
    V16(INTERCEPT_CR_WRITE) = 8;
    V32(INTERCEPT_EXCEPTIONS) = 1 << 6;
    fill(msrpm, 0xFF, MSRPM_SIZE);
    go(cpuid);
    check_value("cpuid", V32(NRIP) - (u32)cpuid, 2);
    go(cr);
    check_value("mov to cr3", V32(NRIP) - (u32)cr, 3);
    go(msr);
    check_value("rdmsr", V32(NRIP) - (u32)msr, 2);
    go(hlt);
    check_value("hlt", V32(NRIP) - (u32)hlt, 1);
    go(ud);
    check_value("#UD: none", V32(NRIP), 0);
    code16[0xFFFE] = 0x0F, code16[0xFFFF] = 0xA2; /* cpuid */
    *(u32 *)(vmcb + VMCB_CS_BASE) = (u32)code16;
    *(u16 *)(vmcb + VMCB_CS_ATTRIB) = ACC(0, T_CODE_RX); /* limit 4 GiB, but 16 bits */
    go((void *)0xFFFE);
    check_value("16-bit code at the end of 64 KiB", V32(NRIP), 0x10000);
    maps_used = 1;
}

static void events(void)
{
    const void *nop = GUEST("incl %eax\nincl %eax"), *gp = GUEST("movl $0x408, %eax\nmovl %eax, %es"), *ud = GUEST("ud2");
    put("#DF\n");
    guest_begin();
    guest_idt[13][1] &= ~0x8000u;
    V32(INTERCEPT_EXCEPTIONS) = 1 << 8;
    expect_exit("#GP, then #NP: #DF intercepted", gp, EXIT_EXCEPTION + 8, 0, 0, 5);
    check_value("what was being delivered", V32(EXITINTINFO), EVENT(EXCEPTION, 13) | EVENT_ERROR_VALID);
    check_value("its error code", V32H(EXITINTINFO), 0x408);
    guest_idt[13][1] |= 0x8000u;
    put("injection\n");
    guest_begin();
    V32(EVENTINJ) = EVENT(EXCEPTION, 13);
    expect_taken("#GP without an error code", nop, 13, 0, 3);
    guest_begin();
    V32(EVENTINJ) = EVENT(EXCEPTION, 6);
    V32(INTERCEPT_EXCEPTIONS) = 1 << 6;
    expect_taken("an injected exception is not intercepted", ud, 6, 0, 3);
    go(ud);
    check_value("the same raised is", V32(EXITCODE), EXIT_EXCEPTION + 6);
    guest_begin();
    V32(EVENTINJ) = EVENT(EXCEPTION, 15);
    go(nop);
    check_value("no exception has vector 15", V32(EXITCODE), EXIT_INVALID);
    guest_begin();
    V32(EVENTINJ) = EVENT(EXCEPTION, 18);
    expect_taken("#MC", nop, 18, 0, 3);
    go(nop);
    check_value("EVENTINJ.V is clear afterwards", V32(EVENTINJ) & EVENT_VALID, 0);
    check_value("EXITINTINFO.V is clear", V32(EXITINTINFO) & EVENT_VALID, 0);
    guest_begin();
    guest_ring(3);
    set_gate(guest_idt, 3, SEL_CODE(0), guest_idt[3][0] & 0xFFFF, 0, 0);
    guest_begin();
    put("interrupt shadow on entry\n");
    V32(INT_CONTROL) = INT_CONTROL_V_INTR_MASKING | INT_CONTROL_V_IRQ | 15u << 16 | INT_CONTROL_V_IGN_TPR;
    V8(INT_VECTOR) = 0x70;
    V32(RFLAGS) = 0x202;
    V32(INTERRUPT_SHADOW) = 1;
    expect_taken("one instruction later", nop, 0x70, 1, 3);
    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_CPUID;
    V32(RFLAGS) = 2;
    expect_exit("exit in the shadow of STI", GUEST("sti\ncpuid"), EXIT_CPUID, 0, 0, 1);
    check_value("it is stored", V32(INTERRUPT_SHADOW) & 1, 1);
    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_CPUID;
    expect_exit("exit in the shadow of MOV SS", GUEST("movl %ss, %eax\nmovl %eax, %ss\ncpuid"), EXIT_CPUID, 0, 0, 4);
    check_value("it is stored", V32(INTERRUPT_SHADOW) & 1, 1);
    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_CPUID;
    expect_exit("exit after it", GUEST("sti\nnop\ncpuid"), EXIT_CPUID, 0, 0, 2);
    check_value("it is gone", V32(INTERRUPT_SHADOW) & 1, 0);
}

static u32 tables[2][3][1024] __attribute__((aligned(4096))); /* per guest: directory, table of 0 to 4 MiB, table of C00000 */

static void tables_of(u32 n, u32 frame)
{
    u32 i;
    for (i = 0; i < 1024; i++)
        tables[n][1][i] = i << 12 | 7;
    tables[n][0][0] = (u32)tables[n][1] | 7;
    tables[n][0][3] = (u32)tables[n][2] | 7;
    tables[n][2][0] = frame | 7;
}

static u32 read_in(u32 asid, u32 n, u32 control)
{
    static const void *code;
    if (!code)
        code = GUEST("movl 0xC00000, %eax");
    guest_begin();
    V32(ASID) = asid;
    V8(TLB_CONTROL) = (u8)control;
    V32(CR0) = 0x80000011;
    V32(CR3) = (u32)tables[n];
    V32(RAX) = 0;
    go(code);
    return V32(EXITCODE) == EXIT_VMMCALL ? V32(RAX) : V32(EXITCODE) << 24 | 0xBAD;
}

static void address_spaces(void)
{
    u32 n;
    put("address spaces\n");
    *(volatile u32 *)0x00A00000 = 0xAAAA;
    *(volatile u32 *)0x00A01000 = 0xBBBB;
    *(volatile u32 *)0x00C00000 = 0xCCCC; /* the host's, without paging */
    tables_of(0, 0x00A00000);
    tables_of(1, 0x00A01000);
    check_value("guest 1", read_in(1, 0, TLB_ALL), 0xAAAA);
    for (n = 0; n < 4; n++) {
        check_value("guest 2, nothing flushed", read_in(2, 1, TLB_NOTHING), 0xBBBB);
        check_value("guest 1, nothing flushed", read_in(1, 0, TLB_NOTHING), 0xAAAA);
        check_value("the host", *(volatile u32 *)0x00C00000, 0xCCCC);
    }
    tables[0][2][0] = 0x00A01000 | 7;
    check_value("guest 1 after its ASID was flushed", read_in(1, 0, TLB_ASID), 0xBBBB);
    tables[0][2][0] = 0x00A00000 | 7;
    check_value("guest 1 after non-global flush", read_in(1, 0, TLB_ASID_NON_GLOBAL), 0xAAAA);
    tables[0][2][0] = 0x00A01000 | 7;
    __asm__ volatile("invlpga" : : "a"(0x00C00000), "c"(1));
    check_value("guest 1 after INVLPGA", read_in(1, 0, TLB_NOTHING), 0xBBBB);
    tables[0][2][0] = 0x00A00000 | 7;
    check_value("guest 1 after a flush of all", read_in(1, 0, TLB_ALL), 0xAAAA);
    tables[1][2][0] = 0x00A00000 | 7;
    check_value("guest 2 after that flush of all", read_in(2, 1, TLB_NOTHING), 0xAAAA);
    check_value("a fresh ASID with the tables of guest 2", read_in(3, 1, TLB_NOTHING), 0xAAAA);
}

int main(void)
{
    put("exits\n");
    svm_on();
    software();
    details();
    events();
    address_spaces();
    return conclude();
}
