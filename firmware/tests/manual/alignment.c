/* The alignment check (Intel SDM vol. 3, 6.15, interrupt 17), which QEMU 7.2 and unicorn do not make: what must lie at which multiple, in
 * which ring, what a refused instruction leaves, what comes before #AC, and #AC during the delivery of something else.
 */
#include "check.h"

#define CR0_AM 0x40000
#define FLAG_AC 0x40000
#define IOPL_3 0x3000
#define AC 17
#define VECTOR_RING3 0x90 /* a gate to ring 3 */
/* Address bits that must be 0. */
#define BYTE 0
#define WORD 1
#define DWORD 3
#define QWORD 7

enum esp { UNMOVED, PUSHED, ADDRESS }; /* ESP at the instruction: as the snippet started, a double word below that, the address under test */

static u8 area[4096] __attribute__((aligned(4096)));
#define WORDS 24 /* of area, that are looked at */
#define MIDDLE ((u32)area + 48)
extern u32 entry_esp;
extern u8 gdt_pointer[], idt_pointer[];

static u32 background;       /* every byte of area ... */
static u32 first[3], firsts; /* ... but for so many double words at the address under test */
static u32 given_eax;

static void prepare(u32 address)
{
    u32 n;
    fill(area, background, 4 * WORDS);
    for (n = 0; n < firsts; n++)
        ((u32 *)address)[n] = first[n];
}

static u32 sum(void)
{
    u32 n, s = 0;
    for (n = 0; n < WORDS; n++)
        s = (s << 1 | s >> 31) + ((u32 *)area)[n];
    return s;
}

/* #AC(0) at the instruction, everything as it was. */
static int refused(const void *code, u32 at, u32 address, enum esp esp)
{
    u32 was = esp == ADDRESS ? address : esp == PUSHED ? entry_esp - 4 : entry_esp;
    return outcome.vector == AC && outcome.error == 0 && outcome.eip - (u32)code == at && outcome.cs == SEL_CODE(3) &&
           outcome.eax == given_eax && outcome.ecx == address && (outcome.eflags & FLAG_AC) && outcome.esp_offset + entry_esp == was;
}

static void complain(const char *name, const char *wanted, u32 offset, const void *code)
{
    wrong++;
    put("WRONG, expected ");
    put(wanted);
    put_field("offset", offset);
    put(": ");
    report(name, code);
}

/* The instruction `at` bytes into the snippet works at ECX: it must be refused at exactly the addresses with a bit of `mask`. */
static void each_offset(const char *name, u32 mask, u32 at, enum esp esp, const void *code)
{
    u32 n, before;
    for (n = 0; n < (mask == QWORD ? 8 : 4); n++) {
        u32 address = MIDDLE + n;
        prepare(address);
        before = sum();
        attempt(code, 3, given_eax, address, 0, 0);
        checked++;
        if (!(n & mask)) {
            if (outcome.vector != NONE)
                complain(name, "ok", n, code);
        } else if (!refused(code, at, address, esp))
            complain(name, "#11 and registers as they were", n, code);
        else if (sum() != before)
            complain(name, "memory as it was", n, code);
    }
}
#define OPERAND(name, mask, text) each_offset(name, mask, 0, UNMOVED, SNIPPET(text))
#define STRING(name, mask, text) each_offset(name, mask, 6, UNMOVED, SNIPPET("movb $0x80, %dl\nmovl %ecx, %esi\nmovl %ecx, %edi\n" text))
#define STACK(name, mask, text) each_offset(name, mask, 2, ADDRESS, SNIPPET("movl %ecx, %esp\n" text "\nint $0x80"))

static void operands(void)
{
    put("operands\n");
    background = 0x81;
    OPERAND("load byte", BYTE, "movb (%ecx), %al");
    OPERAND("load word", WORD, "movw (%ecx), %ax");
    OPERAND("load dword", DWORD, "movl (%ecx), %eax");
    OPERAND("base, index, displacement", DWORD, "movl -8(%ecx,%eax,8), %ebx");
    OPERAND("store byte", BYTE, "movb %al, (%ecx)");
    OPERAND("store word", WORD, "movw %ax, (%ecx)");
    OPERAND("store dword", DWORD, "movl %eax, (%ecx)");
    OPERAND("store immediate", DWORD, "movl $5, (%ecx)");
    OPERAND("add byte", BYTE, "addb %al, (%ecx)");
    OPERAND("add word", WORD, "addw %ax, (%ecx)");
    OPERAND("add dword", DWORD, "addl %eax, (%ecx)");
    OPERAND("add to register", DWORD, "addl (%ecx), %eax");
    OPERAND("add immediate", DWORD, "addl $1, (%ecx)");
    OPERAND("cmp", DWORD, "cmpl %eax, (%ecx)");
    OPERAND("test", WORD, "testw %ax, (%ecx)");
    OPERAND("inc", WORD, "incw (%ecx)");
    OPERAND("not", DWORD, "notl (%ecx)");
    OPERAND("shl", DWORD, "shll $1, (%ecx)");
    OPERAND("shld", DWORD, "shldl $1, %eax, (%ecx)");
    OPERAND("mul", DWORD, "mull (%ecx)");
    OPERAND("imul", WORD, "imulw (%ecx), %ax");
    OPERAND("div", DWORD, "divl (%ecx)");
    OPERAND("movzx byte", BYTE, "movzbl (%ecx), %eax");
    OPERAND("movsx word", WORD, "movswl (%ecx), %eax");
    OPERAND("xchg", DWORD, "xchgl %eax, (%ecx)");
    OPERAND("lock add", DWORD, "lock addl %eax, (%ecx)");
    OPERAND("lock or, word", WORD, "lock orw %ax, (%ecx)");
    OPERAND("xadd", WORD, "xaddw %ax, (%ecx)");
    OPERAND("cmpxchg", DWORD, "cmpxchgl %eax, (%ecx)");
    OPERAND("cmpxchg8b", QWORD, "cmpxchg8b (%ecx)");
    OPERAND("lock cmpxchg8b", QWORD, "lock cmpxchg8b (%ecx)");
    OPERAND("bt", DWORD, "btl $1, (%ecx)");
    OPERAND("bts, word", WORD, "btsw $1, (%ecx)");
    given_eax = 37;
    OPERAND("btr, in the next dword", DWORD, "btrl %eax, (%ecx)");
    OPERAND("btc, in the third word", WORD, "btcw %ax, (%ecx)");
    given_eax = 0;
    OPERAND("bsf", DWORD, "bsfl (%ecx), %eax");
    OPERAND("setcc", BYTE, "setc (%ecx)");
    OPERAND("xlat", BYTE, "movl %ecx, %ebx\nxlat");
    OPERAND("lea", BYTE, "leal (%ecx), %eax");
    OPERAND("mov from a segment register", WORD, "movw %ds, (%ecx)");
    OPERAND("sgdt", WORD, "sgdtl (%ecx)");
    OPERAND("sidt, 16-bit operand", WORD, "sidtw (%ecx)");
    OPERAND("sldt", DWORD, "sldt (%ecx)");
    OPERAND("str", DWORD, "str (%ecx)");
    OPERAND("smsw", WORD, "smsw (%ecx)");
    OPERAND("lar", WORD, "lar (%ecx), %eax");
    OPERAND("verr", WORD, "verr (%ecx)");
    OPERAND("arpl", WORD, "arpl %ax, (%ecx)");
    OPERAND("push memory", DWORD, "pushl (%ecx)\npopl %eax");
    each_offset("pop to memory", DWORD, 1, PUSHED, SNIPPET("pushl %eax\npopl (%ecx)"));
    background = 0;
    OPERAND("bound", DWORD, "boundl %eax, (%ecx)");
    OPERAND("bound, word", WORD, "boundw %ax, (%ecx)");
    OPERAND("mov to a segment register", WORD, "movw (%ecx), %es");
    OPERAND("les, 16:32", DWORD, "lesl (%ecx), %eax");
    OPERAND("lds, 16:16", WORD, "ldsw (%ecx), %ax");
    OPERAND("lfs, 16:32", DWORD, "lfsl (%ecx), %eax");
    firsts = 2;
    first[0] = (u32)SNIPPET("int $0x80");
    first[1] = SEL_CODE(3);
    OPERAND("jmp, near", DWORD, "jmp *(%ecx)");
    OPERAND("call, near", DWORD, "call *(%ecx)");
    OPERAND("jmp, 16:32", DWORD, "ljmpl *(%ecx)");
    OPERAND("call, 16:32", DWORD, "lcalll *(%ecx)");
    firsts = 0;
}

static void strings(void)
{
    const void *x = SNIPPET("movl %ecx, %esi\nleal 32(%eax), %edi\nmovl $5, %ecx\nrep movsl");
    put("strings\n");
    background = 0x22;
    snippet_flags |= IOPL_3;
    STRING("movsb", BYTE, "movsb");
    STRING("movsw", WORD, "movsw");
    STRING("movsl", DWORD, "movsl");
    STRING("stosw", WORD, "stosw");
    STRING("stosl", DWORD, "stosl");
    STRING("lodsw", WORD, "lodsw");
    STRING("lodsl", DWORD, "lodsl");
    STRING("cmpsb", BYTE, "cmpsb");
    STRING("cmpsl", DWORD, "cmpsl");
    STRING("scasw", WORD, "scasw");
    STRING("scasl", DWORD, "scasl");
    STRING("insl", DWORD, "insl");
    STRING("outsw", WORD, "outsw");
    STRING("outsb", BYTE, "outsb");
    snippet_flags &= ~IOPL_3;
    expect("rep movsl", x, 3, MIDDLE - 32, MIDDLE - 32, NONE, 0);
    check_value("all of it", outcome.ecx, 0);
    expect("rep movsl, source", x, 3, MIDDLE - 32, MIDDLE - 31, AC, 0);
    check_value("no iteration", outcome.ecx, 5);
    check_value("source stays", outcome.esi, MIDDLE - 31);
    expect("rep movsl, destination", x, 3, MIDDLE - 30, MIDDLE - 32, AC, 0);
    check_value("no iteration", outcome.ecx, 5);
    check_value("source stays", outcome.esi, MIDDLE - 32);
    check_value("destination stays", outcome.edi, MIDDLE + 2);
    expect("repe cmpsw", SNIPPET("movl %ecx, %esi\nmovl %ecx, %edi\nmovl $5, %ecx\nrepe cmpsw"), 3, 0, MIDDLE + 1, AC, 0);
    check_value("no iteration", outcome.ecx, 5);
    expect("rep of nothing", SNIPPET("movl %ecx, %edi\nxorl %ecx, %ecx\nrep stosl"), 3, 0, MIDDLE + 1, NONE, 0);
}

static void stacks(void)
{
    const void *back = SNIPPET("int $0x80");
    put("stack\n");
    set_gate(idt, VECTOR_RING3, SEL_CODE(3), (u32)back, ACC(3, T_INT32), 0);
    set_gate(gdt, SEL_TEST(0) >> 3, SEL_CODE(0), (u32)back, ACC(3, T_CALL32), 0);
    set_gate(gdt, SEL_TEST(1) >> 3, SEL_CODE(0), (u32)back, ACC(3, T_CALL32), 2);
    background = 0;
    STACK("push", DWORD, "pushl %eax");
    STACK("push, word", WORD, "pushw %ax");
    STACK("push immediate", DWORD, "pushl $5");
    STACK("push segment register", DWORD, "pushl %ds");
    STACK("pusha", DWORD, "pushal");
    STACK("pusha, words", WORD, "pushaw");
    STACK("pushf", DWORD, "pushfl");
    STACK("pop", DWORD, "popl %eax");
    STACK("pop, word", WORD, "popw %ax");
    STACK("pop segment register", DWORD, "popl %es");
    STACK("popa", DWORD, "popal");
    STACK("popf", DWORD, "popfl");
    STACK("popf, word", WORD, "popfw");
    STACK("call", DWORD, "call 1f\n1:");
    STACK("call, far", DWORD, "lcall $0x3b, $1f\n1:");
    STACK("enter", DWORD, "enter $8, $0");
    STACK("enter, word", WORD, "enterw $8, $0");
    STACK("int to the same ring", DWORD, "int $0x90");
    STACK("int to ring 0", BYTE, "int $0x80");
    STACK("call gate to ring 0", BYTE, "lcall $0x5b, $0");
    STACK("call gate to ring 0, parameters", DWORD, "lcall $0x63, $0");
    each_offset("leave", DWORD, 2, UNMOVED, SNIPPET("movl %ecx, %ebp\nleave\nint $0x80"));
    each_offset("enter, the frame above", DWORD, 2, UNMOVED, SNIPPET("movl %ecx, %ebp\nenter $8, $2\nint $0x80"));
    expect("enter that leaves an odd stack", SNIPPET("enter $1, $0\nleave"), 3, 0, 0, NONE, 0);
    firsts = 3;
    first[0] = (u32)back;
    first[1] = SEL_CODE(3);
    first[2] = 2;
    STACK("ret", DWORD, "ret");
    STACK("ret and drop", DWORD, "ret $3");
    STACK("ret, far", DWORD, "lret");
    STACK("iret", DWORD, "iret");
    firsts = 0;
}

/* Which rings, which flags, and where AC comes from. */
static void conditions(void)
{
    const void *load = SNIPPET("movl (%ecx), %eax"), *store = SNIPPET("movl %eax, (%ecx)");
    const void *push = SNIPPET("movl %esp, %edx\nmovl %ecx, %esp\npushl %eax\nmovl %edx, %esp");
    u32 am, ac, ring;
    put("conditions\n");
    for (am = 0; am < 2; am++)
        for (ac = 0; ac < 2; ac++)
            for (ring = 0; ring < 4; ring++) {
                u32 vector = am && ac && ring == 3 ? AC : NONE;
                write_cr0(am ? read_cr0() | CR0_AM : read_cr0() & ~CR0_AM);
                snippet_flags = 2 | (ac ? FLAG_AC : 0);
                expect("load", load, ring, 0, MIDDLE + 1, vector, 0);
                expect("store", store, ring, 0, MIDDLE + 2, vector, 0);
                expect("push", push, ring, 0, MIDDLE + 3, vector, 0);
            }
    snippet_flags = 2;
    expect("popf sets AC", SNIPPET("pushl $0x40002\npopfl\nmovl (%ecx), %eax"), 3, 0, MIDDLE + 1, AC, 0);
    expect("iret sets AC", SNIPPET("pushl $0x40002\npushl %cs\npushl $1f\niret\n1: movl (%ecx), %eax"), 3, 0, MIDDLE + 1, AC, 0);
    snippet_flags = 2 | FLAG_AC;
    expect("popf clears AC", SNIPPET("pushl $2\npopfl\nmovl (%ecx), %eax"), 3, 0, MIDDLE + 1, NONE, 0);
    expect("popf of a word leaves AC", SNIPPET("pushw $2\npopfw\nmovl (%ecx), %eax"), 3, 0, MIDDLE + 1, AC, 0);
    expect("iret clears AC", SNIPPET("pushl $2\npushl %cs\npushl $1f\niret\n1: movl (%ecx), %eax"), 3, 0, MIDDLE + 1, NONE, 0);
    set_segment(SEL_TEST(2), MIDDLE + 1, 0xFFF, ACC(3, T_DATA_RW), FL_B); /* it is the linear address that counts */
    expect("odd segment base", SNIPPET("movl %eax, %fs\nmovl %fs:(%ecx), %edx"), 3, SEL_TEST(2), 4, AC, 0);
    expect("odd segment base and offset", SNIPPET("movl %eax, %fs\nmovl %fs:(%ecx), %edx"), 3, SEL_TEST(2), 3, NONE, 0);
}

/* A handler in ring 0, with AC still set, is not checked; it puts the pointer right and the instruction starts again. */
static u32 put_right(struct frame *f)
{
    u32 flags;
    if (f->vector != AC)
        return 0;
    __asm__ volatile("pushfl\npopl %0" : "=r"(flags));
    check_value("AC in the handler", flags & FLAG_AC, FLAG_AC);
    check_value("a double word at an odd address in the handler", *(volatile u32 *)f->ecx, 0x88776655);
    f->ecx &= ~3u;
    return 1;
}

static void restart(void)
{
    put("restart\n");
    *(volatile u32 *)(MIDDLE + 1) = 0x88776655;
    *(volatile u8 *)MIDDLE = 0x44;
    trap_hook = put_right;
    expect("the instruction starts again", SNIPPET("movl (%ecx), %eax"), 3, 0, MIDDLE + 1, NONE, 0);
    trap_hook = 0;
    check_value("what it loaded", outcome.eax, 0x77665544);
}

/* Descriptor tables, TSS and inner stack are read and written as ring 0, wherever they lie. */
static u8 room[8192] __attribute__((aligned(4096)));
#define GDT_AT (room + 1)
#define IDT_AT (room + 1024 + 3)
#define TSS_AT (room + 3072 + 5)
#define STACK_AT ((u32)room + 8001)
#define TSS_BYTES (104 + 0x20)

static void copy(void *to, const void *from, u32 bytes) { __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory"); }

static void system_tables(void)
{
    struct tss *odd = (struct tss *)TSS_AT;
    struct __attribute__((packed)) { u16 limit; void *base; } gdtr = {128 * 8 - 1, GDT_AT}, idtr = {256 * 8 - 1, IDT_AT};
    const void *x = SNIPPET("movl %eax, %fs\nmovl (%ecx), %ebx\ninb $0x80, %al");
    put("system tables\n");
    set_segment(SEL_TEST(2), 0, 0xFFFFF, ACC(3, T_DATA_RW - 1), FL_G | FL_B); /* accessed is clear */
    set_segment(SEL_TEST(3), (u32)odd, TSS_BYTES - 1, ACC(0, T_TSS32), 0);
    copy(GDT_AT, gdt, 1024);
    copy(IDT_AT, idt, 2048);
    copy(odd, &tss, TSS_BYTES);
    odd->bitmap[0x80 / 8] = 0;
    odd->esp0 = STACK_AT;
    __asm__ volatile("lgdt %0\nlidt %1\nltr %w2" : : "m"(gdtr), "m"(idtr), "r"(SEL_TEST(3)) : "memory");
    expect("at odd addresses", x, 3, SEL_TEST(2), MIDDLE, NONE, 0);
    check_value("accessed is set", GDT_AT[SEL_TEST(2) + 5] & 1, 1);
    expect("the operand is checked all the same", x, 3, SEL_TEST(2), MIDDLE + 2, AC, 0);
    set_segment(SEL_TSS, (u32)&tss, sizeof tss - 1, ACC(0, T_TSS32), 0);
    __asm__ volatile("lgdt gdt_pointer\nlidt idt_pointer\nltr %w0" : : "r"(SEL_TSS) : "memory");
}

/* Segment limits and rights, then page faults, then #AC (table 6-2). */
#define PAGE(n) (0xC00000u + 0x1000 * (n))

static void priorities(void)
{
    const void *load = SNIPPET("movl (%ecx), %eax"), *store = SNIPPET("movl %eax, (%ecx)"), *add = SNIPPET("addl %eax, (%ecx)");
    const void *fs = SNIPPET("movl %eax, %fs\nmovl %fs:(%ecx), %edx"), *cx8 = SNIPPET("cmpxchg8b (%ecx)");
    u32 n;
    put("priorities\n");
    set_segment(SEL_TEST(2), (u32)area, 0xFF, ACC(3, T_DATA_RW), FL_B);
    expect("beyond the limit", fs, 3, SEL_TEST(2), 0xFD, 13, 0);
    expect("null segment", fs, 3, 0, 1, 13, 0);
    expect("beyond the stack's limit", SNIPPET("movl %eax, %ss\nmovl %ecx, %esp\npopl %ebx"), 3, SEL_TEST(2) | 3, 0xFD, 12, 0);
    identity_map();
    for (n = 0; n < 2; n++)
        PTE(PAGE(n)) = PAGE(n) | PTE_P | PTE_W | PTE_U;
    PTE(PAGE(2)) = 0;
    PTE(PAGE(3)) = PAGE(3) | PTE_P | PTE_U;
    PTE(PAGE(4)) = PAGE(4) | PTE_P | PTE_W;
    paging_on();
    expect("page not present", load, 3, 0, PAGE(2) + 1, 14, 4);
    expect("read-only page", store, 3, 0, PAGE(3) + 1, 14, 7);
    expect("read-only page, loaded", load, 3, 0, PAGE(3) + 1, AC, 0);
    expect("supervisor page", load, 3, 0, PAGE(4) + 1, 14, 5);
    expect("second page not present", store, 3, 0, PAGE(2) - 2, 14, 6);
    check_value("where", outcome.cr2, PAGE(2));
    expect("second half on a page not present", cx8, 3, 0, PAGE(2) - 4, 14, 6);
    check_value("where", outcome.cr2, PAGE(2));
    expect("both pages present", store, 3, 0, PAGE(1) - 2, AC, 0);
    check_value("CR2 stays", outcome.cr2, PAGE(2));
    expect("both halves present", cx8, 3, 0, PAGE(1) - 4, AC, 0);
    PTE(PAGE(0)) &= ~PTE_D;
    PTE(PAGE(1)) &= ~PTE_D;
    write_cr3(read_cr3());
    expect("store", store, 3, 0, PAGE(1) - 3, AC, 0);
    expect("read-modify-write", add, 3, 0, PAGE(1) + 2, AC, 0);
    check_value("first page is not dirty", PTE(PAGE(0)) & (PTE_A | PTE_D), PTE_A);
    check_value("second page is not dirty", PTE(PAGE(1)) & (PTE_A | PTE_D), PTE_A);
    expect("aligned", add, 3, 0, PAGE(1) + 4, NONE, 0);
    check_value("that makes it dirty", PTE(PAGE(1)) & (PTE_A | PTE_D), PTE_A | PTE_D);
    write_cr0(read_cr0() & ~CR0_PG);
}

/* A handler in ring 3 is entered on the stack of ring 3: #AC takes the place of what was being delivered, even of #DF (table 6-5). */
static void deliveries(void)
{
    const void *back = SNIPPET("int $0x80");
    static const u8 vectors[3] = {6, 8, 13};
    u32 gates[3][2], n;
    put("deliveries\n");
    for (n = 0; n < 3; n++)
        gates[n][0] = idt[vectors[n]][0], gates[n][1] = idt[vectors[n]][1];
    set_gate(idt, 6, SEL_CODE(3), (u32)back, ACC(0, T_INT32), 0);
    set_gate(idt, 13, SEL_CODE(3), (u32)back, ACC(0, T_INT32), 0);
    STACK("#UD", DWORD, "ud2");
    STACK("#GP", DWORD, "hlt");
    set_gate(idt, 13, SEL_CODE(3), (u32)back, ACC_NP(0, T_INT32), 0);
    set_gate(idt, 8, SEL_CODE(3), (u32)back, ACC(0, T_INT32), 0);
    STACK("#DF", DWORD, "hlt");
    for (n = 0; n < 3; n++)
        idt[vectors[n]][0] = gates[n][0], idt[vectors[n]][1] = gates[n][1];
}

int main(void)
{
    put("alignment\n");
    snippet_flags = 2 | FLAG_AC;
    write_cr0(read_cr0() | CR0_AM);
    operands();
    strings();
    stacks();
    conditions();
    restart();
    system_tables();
    priorities();
    deliveries();
    return conclude();
}
