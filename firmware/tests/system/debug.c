/* Debug registers: what they hold, breakpoints on instructions, data and ports, single steps, GD, RF. A line tells of each #DB in turn
 * where it was (an offset in the snippet), what DR6 said, RF of its frame, and where asked a register at that time.
 */
#include "paging.h"

#define EFLAGS_TF 0x100
#define EFLAGS_RF 0x10000
#define CR4_DE 8
#define DR6_SAID 0xE00F
#define DR6_BS 0x4000
#define DR7_GD 0x2000
#define EXECUTE 0
#define WRITE 1
#define IO 2
#define ACCESS 3
#define ENABLE(n, type, size) (2u << 2 * (n) | (u32)(type) << (16 + 4 * (n)) | (u32)((size)-1) << (18 + 4 * (n)))
#define ENABLE_LOCAL(n, type, size) (1u << 2 * (n) | (u32)(type) << (16 + 4 * (n)) | (u32)((size)-1) << (18 + 4 * (n)))
#define MOST 12

static u32 cells[8] __attribute__((aligned(32)));
static u32 count, with_ecx, step_on;
static struct {
    u32 eip, dr6, rf, ecx, dr7;
} seen[MOST];

static void set_dr(u32 a, u32 b, u32 c, u32 d)
{
    __asm__ volatile("movl %0, %%db0\nmovl %1, %%db1\nmovl %2, %%db2\nmovl %3, %%db3" : : "r"(a), "r"(b), "r"(c), "r"(d));
}
static void set_dr6(u32 v) { __asm__ volatile("movl %0, %%db6" : : "r"(v)); }
static void set_dr7(u32 v) { __asm__ volatile("movl %0, %%db7" : : "r"(v) : "memory"); }
static u32 get_dr6(void) { u32 v; __asm__ volatile("movl %%db6, %0" : "=r"(v)); return v; }
static u32 get_dr7(void) { u32 v; __asm__ volatile("movl %%db7, %0" : "=r"(v)); return v; }

static u32 hook(struct frame *f)
{
    u32 dr6;
    if (f->vector != 1)
        return 0;
    dr6 = get_dr6();
    if (count < MOST) {
        seen[count].eip = f->eip;
        seen[count].dr6 = dr6 & DR6_SAID;
        seen[count].rf = f->eflags >> 16 & 1;
        seen[count].ecx = f->ecx;
        seen[count].dr7 = get_dr7();
    }
    count++;
    set_dr6(0);
    f->eflags |= EFLAGS_RF; /* it may be a fault */
    if (!step_on)
        f->eflags &= ~(u32)EFLAGS_TF;
    return count < MOST;
}

static void go(const char *name, const void *code, u32 ring, u32 eax, u32 ecx, u32 dr7)
{
    u32 n;
    count = 0;
    set_dr7(dr7);
    attempt(code, ring, eax, ecx, 0, 0);
    set_dr7(0);
    put(name);
    for (n = 0; n < count && n < MOST; n++) {
        put_field("at", seen[n].eip - (u32)code);
        put_field("dr6", seen[n].dr6);
        if (with_ecx)
            put_field("ecx", seen[n].ecx);
        else if (seen[n].rf)
            put_field("rf", 1);
        putchar(';');
    }
    report("", code);
}

static void registers(void)
{
    show = SHOW_EAX;
    TEST("dr0", 0x12345678, 0, "movl %eax, %db0\nxorl %eax, %eax\nmovl %db0, %eax");
    TEST("dr1", 0x9ABCDEF0, 0, "movl %eax, %db1\nxorl %eax, %eax\nmovl %db1, %eax");
    TEST("dr2", 0xFFFFFFFF, 0, "movl %eax, %db2\nxorl %eax, %eax\nmovl %db2, %eax");
    TEST("dr3", 0x0F1E2D3C, 0, "movl %eax, %db3\nxorl %eax, %eax\nmovl %db3, %eax");
    TEST("dr0 still", 0, 0, "movl %db0, %eax");
    TEST("dr6 zero", 0, 0, "movl %eax, %db6\nmovl %db6, %eax");
    TEST("dr6 its bits", 0xE00F, 0, "movl %eax, %db6\nmovl %db6, %eax");
    TEST("dr4 is dr6", 0, 0, "movl %db4, %eax");
    TEST("dr4 written", 0x4003, 0, "movl %eax, %db4\nmovl %db6, %eax");
    TEST("dr7 zero", 0, 0, "movl %eax, %db7\nmovl %db7, %eax");
    TEST("dr7 its types", 0xFFFF0300, 0, "movl %eax, %db7\nmovl %db7, %eax");
    TEST("dr5 is dr7", 0, 0, "movl %db5, %eax");
    TEST("dr5 written", 0, 0, "movl %eax, %db5\nmovl %db7, %eax");
    TEST("16-bit operand", 0x55AA1234, 0, "movl %eax, %db0\nxorl %eax, %eax\n.byte 0x66\nmovl %db0, %eax");
    TEST("memory form is a register", 0x11223344, 0, ".byte 0x0f, 0x23, 0x00\nxorl %eax, %eax\nmovl %db0, %eax");
    write_cr4(CR4_DE);
    TEST("DE: dr4", 0, 0, "movl %db4, %eax");
    TEST("DE: to dr5", 0, 0, "movl %eax, %db5");
    TEST("DE: dr6", 0, 0, "movl %db6, %eax");
    write_cr4(0);
    TEST_AT("ring 3", 3, 0, 0, 0, 0, "movl %db6, %eax");
    TEST_AT("ring 3, to dr0", 3, 0, 0, 0, 0, "movl %eax, %db0");
    TEST_AT("ring 1", 1, 0, 0, 0, 0, "movl %db7, %eax");
    TEST("lock", 0, 0, "lock\nmovl %db7, %eax");
    set_dr6(0);
    show = 0;
}

static void instructions(void)
{
    const u8 *code = SNIPPET("nop\nincl %eax\nincl %eax\nnop\nincl %eax");
    const u8 *jump = SNIPPET("jmp 1f\nnop\n1: incl %eax\ncall 2f\njmp 3f\n2: ret\n3:");
    const u8 *fault = SNIPPET("nop\nud2");
    const u8 *again = SNIPPET("movl $3, %ecx\n1: incl %eax\nloop 1b");
    const u8 *resumed = SNIPPET("pushl $0x10002\npushl %cs\npushl $1f\niret\n1: incl %eax\nincl %eax");
    show = SHOW_EAX;
    put("instructions\n");
    set_dr((u32)code + 1, (u32)code + 2, (u32)code + 4, (u32)code + 3);
    go("none enabled", code, 0, 0, 0, 0);
    go("first", code, 0, 0, 0, ENABLE(0, EXECUTE, 1));
    go("local", code, 0, 0, 0, ENABLE_LOCAL(0, EXECUTE, 1));
    go("all", code, 0, 0, 0, ENABLE(0, EXECUTE, 1) | ENABLE(1, EXECUTE, 1) | ENABLE(2, EXECUTE, 1) | ENABLE(3, EXECUTE, 1));
    go("second and fourth", code, 0, 0, 0, ENABLE(1, EXECUTE, 1) | ENABLE(3, EXECUTE, 1));
    go("ring 3", code, 3, 0, 0, ENABLE(0, EXECUTE, 1));
    set_dr((u32)code + 1, (u32)code + 1, (u32)code + 4, (u32)code + 1);
    go("three of one", code, 0, 0, 0, ENABLE(0, EXECUTE, 1) | ENABLE(1, EXECUTE, 1) | ENABLE(2, EXECUTE, 1) | ENABLE(3, EXECUTE, 1));
    set_dr((u32)jump + 3, (u32)jump + 9, (u32)jump + 11, (u32)jump + 2);
    go("jumps", jump, 0, 0, 0, ENABLE(0, EXECUTE, 1) | ENABLE(1, EXECUTE, 1) | ENABLE(2, EXECUTE, 1) | ENABLE(3, EXECUTE, 1));
    set_dr((u32)fault + 1, 0, 0, 0);
    go("before a fault", fault, 0, 0, 0, ENABLE(0, EXECUTE, 1));
    set_dr((u32)again + 5, 0, 0, 0);
    go("a loop", again, 0, 0, 0, ENABLE(0, EXECUTE, 1));
    set_dr((u32)resumed + 12, (u32)resumed + 13, 0, 0);
    go("resumed by RF", resumed, 0, 0, 0, ENABLE(0, EXECUTE, 1));
    go("RF covers one instruction", resumed, 0, 0, 0, ENABLE(0, EXECUTE, 1) | ENABLE(1, EXECUTE, 1));
    set_dr((u32)code + 1, 0, 0, 0);
    snippet_flags = 2 | EFLAGS_RF;
    go("POPF loads no RF", code, 0, 0, 0, ENABLE(0, EXECUTE, 1));
    snippet_flags = 2;
    set_dr((u32)cells, 0, 0, 0);
    go("of data", SNIPPET("movl debug_cells, %eax\nmovl %eax, debug_cells"), 0, 0, 0, ENABLE(0, EXECUTE, 1));
}

#define STORE "movl %eax, debug_cells\nnop\nmovl debug_cells, %eax\nnop"
#define BYTES \
    "movb %al, debug_cells + 3\nnop\nmovb %al, debug_cells + 4\nnop\nmovb %al, debug_cells + 5\nnop\nmovb %al, debug_cells + 6\nnop\n" \
    "movb %al, debug_cells + 7\nnop\nmovb %al, debug_cells + 8\nnop"

static void data(void)
{
    const u8 *two = SNIPPET("movl %eax, debug_cells\nnop\nnop");
    put("data\n");
    show = 0;
    set_dr((u32)cells, (u32)cells + 4, (u32)cells + 5, (u32)cells + 6);
    go("store", SNIPPET(STORE), 0, 7, 0, ENABLE(0, WRITE, 4));
    go("load and store", SNIPPET(STORE), 0, 7, 0, ENABLE(0, ACCESS, 4));
    go("read-modify-write", SNIPPET("addl %eax, debug_cells\nnop"), 0, 7, 0, ENABLE(0, WRITE, 4));
    go("... reads too", SNIPPET("addl %eax, debug_cells\nnop"), 0, 7, 0, ENABLE(0, ACCESS, 4));
    go("compare", SNIPPET("cmpl %eax, debug_cells\nnop"), 0, 7, 0, ENABLE(0, WRITE, 4));
    go("bytes of one", SNIPPET(BYTES), 0, 7, 0, ENABLE(1, WRITE, 1));
    go("bytes of two", SNIPPET(BYTES), 0, 7, 0, ENABLE(1, WRITE, 2));
    go("bytes of four", SNIPPET(BYTES), 0, 7, 0, ENABLE(1, WRITE, 4));
    go("upper two", SNIPPET(BYTES), 0, 7, 0, ENABLE(3, WRITE, 2));
    go("overlapping", SNIPPET(BYTES), 0, 7, 0, ENABLE(1, WRITE, 4) | ENABLE(2, WRITE, 1) | ENABLE(3, WRITE, 2));
    go("across, into it", SNIPPET("movl %eax, debug_cells + 1\nnop"), 0, 7, 0, ENABLE(1, WRITE, 1));
    go("across, up to it", SNIPPET("movl %eax, debug_cells + 1\nnop"), 0, 7, 0, ENABLE(2, WRITE, 1));
    go("across, out of it", SNIPPET("movl %eax, debug_cells + 3\nnop"), 0, 7, 0, ENABLE(0, WRITE, 4) | ENABLE(1, WRITE, 4));
    go("word across", SNIPPET("movw %ax, debug_cells + 3\nnop"), 0, 7, 0, ENABLE(1, WRITE, 1) | ENABLE(2, WRITE, 1));
    go("push", SNIPPET("movl %esp, %ecx\nmovl $debug_cells + 8, %esp\npushl %eax\nmovl %ecx, %esp"), 3, 7, 0, ENABLE(1, WRITE, 4));
    go("pop", SNIPPET("movl %esp, %ecx\nmovl $debug_cells + 4, %esp\npopl %eax\nmovl %ecx, %esp"), 3, 7, 0, ENABLE(1, ACCESS, 4));
    go("movs", SNIPPET("movl $debug_cells, %esi\nmovl $debug_cells + 4, %edi\nmovsl"), 0, 7, 0, ENABLE(0, ACCESS, 4) | ENABLE(1, WRITE, 4));
    go("ring 3", SNIPPET(STORE), 3, 7, 0, ENABLE(0, WRITE, 4));
    set_segment(SEL_TEST(0), (u32)cells - 0x1000, 0xFFFFF, ACC(3, T_DATA_RW), FL_G | FL_B);
    go("by a segment's base", SNIPPET("movw $0x58, %cx\nmovw %cx, %fs\nmovl %eax, %fs:0x1000\nnop"), 0, 7, 0, ENABLE(0, WRITE, 4));
    go("lea", SNIPPET("leal debug_cells, %eax\nnop"), 0, 7, 0, ENABLE(0, ACCESS, 4));
    go("jump after it", SNIPPET("movl %eax, debug_cells\njmp 1f\nnop\n1: nop"), 0, 7, 0, ENABLE(0, WRITE, 4));
    set_dr((u32)cells, (u32)two + 6, 0, 0);
    go("and an instruction later", two, 0, 7, 0, ENABLE(0, WRITE, 4) | ENABLE(1, EXECUTE, 1));
    set_dr((u32)cells, 0, 0, 0);
    go("a loop of them", SNIPPET("movl $3, %ecx\n1: incl debug_cells\nloop 1b"), 0, 7, 0, ENABLE(0, WRITE, 4));
}

static void strings(void)
{
    put("strings\n");
    with_ecx = 1;
    set_dr((u32)cells + 4, (u32)cells + 12, (u32)cells + 28, 0);
    show = SHOW_ECX | SHOW_EDI;
    outcome.edi = 0;
    go("rep stosl", SNIPPET("movl $debug_cells, %edi\nrep\nstosl\nnop\nsubl $debug_cells, %edi"), 0, 7, 4, ENABLE(0, WRITE, 4));
    go("its last", SNIPPET("movl $debug_cells, %edi\nrep\nstosl\nnop\nsubl $debug_cells, %edi"), 0, 7, 4, ENABLE(1, WRITE, 4));
    go("both", SNIPPET("movl $debug_cells, %edi\nrep\nstosl\nnop\nsubl $debug_cells, %edi"), 0, 7, 4, ENABLE(0, WRITE, 4) | ENABLE(1, WRITE, 4));
    go("rep movsb", SNIPPET("movl $debug_cells, %esi\nmovl $debug_cells + 10, %edi\nrep\nmovsb\nnop\nsubl $debug_cells, %edi"), 0, 7, 6,
       ENABLE(1, WRITE, 2));
    go("repe cmpsl", SNIPPET("movl $debug_cells, %esi\nmovl $debug_cells, %edi\nrepe\ncmpsl\nnop\nsubl $debug_cells, %edi"), 0, 7, 4,
       ENABLE(0, ACCESS, 4));
    go("repne scasb", SNIPPET("movl $debug_cells, %edi\nrepne\nscasb\nnop\nsubl $debug_cells, %edi"), 0, 0xEE, 8, ENABLE(0, ACCESS, 1));
    go("beyond its end", SNIPPET("movl $debug_cells, %edi\nrep\nstosl\nnop\nsubl $debug_cells, %edi"), 0, 7, 4, ENABLE(2, WRITE, 4));
    with_ecx = 0;
}

static void steps(void)
{
    const u8 *code = SNIPPET("pushl $0x102\npopfl\nnop\nincl %eax\nnop");
    put("steps\n");
    show = SHOW_EAX;
    go("one", code, 0, 0, 0, 0);
    set_dr((u32)cells, (u32)code + 7, 0, 0);
    step_on = 1;
    go("until it is cleared", SNIPPET("pushl $0x102\npopfl\nnop\nincl %eax\npushl $2\npopfl\nincl %eax"), 0, 0, 0, 0);
    go("with a breakpoint of data", SNIPPET("pushl $0x102\npopfl\nmovl %eax, debug_cells\npushl $2\npopfl"), 0, 0, 0, ENABLE(0, WRITE, 4));
    with_ecx = 1;
    go("rep stosb", SNIPPET("movl $debug_cells + 8, %edi\npushl $0x102\npopfl\nrep\nstosb\npushl $2\npopfl"), 0, 0, 3, 0);
    with_ecx = 0;
    go("over a load of SS", SNIPPET("movw %ss, %cx\npushl $0x102\npopfl\nmovw %cx, %ss\nnop\npushl $2\npopfl"), 0, 0, 0, 0);
    go("INT clears it", SNIPPET("pushl $0x102\npopfl\nint3"), 0, 0, 0, 0);
    step_on = 0;
    go("then a breakpoint", code, 0, 0, 0, ENABLE(1, EXECUTE, 1));
    set_dr6(DR6_BS);
    go("DR6 keeps what it holds", SNIPPET("movl %eax, debug_cells\nnop"), 0, 0, 0, ENABLE(0, WRITE, 4));
}

static void stack_segment(void)
{
    const u8 *code = SNIPPET("movw %ss, %cx\nmovw %cx, %ss\nnop\nincl %eax");
    put("loads of SS\n");
    cells[0] = SEL_DATA(0);
    set_dr((u32)cells, (u32)code + 5, (u32)code + 6, 0);
    go("from a watched word", SNIPPET("movw debug_cells, %ss\nnop\nincl %eax"), 0, 0, 0, ENABLE(0, ACCESS, 2));
    go("a breakpoint behind", code, 0, 0, 0, ENABLE(1, EXECUTE, 1));
    go("a breakpoint later", code, 0, 0, 0, ENABLE(2, EXECUTE, 1));
}

static void detection(void)
{
    put("GD\n");
    show = SHOW_EAX;
    set_dr(0x11, 0x22, 0x33, 0x44);
    go("read", SNIPPET("movl %db0, %eax\nincl %eax"), 0, 0, 0, DR7_GD);
    value("GD afterwards", seen[0].dr7 & DR7_GD);
    go("write", SNIPPET("movl %eax, %db1\nmovl %db1, %eax"), 0, 0, 0, DR7_GD);
    set_dr((u32)cells, 0, 0, 0);
    go("any #DB clears GD", SNIPPET("movl %eax, debug_cells\nmovl %db1, %eax"), 0, 0, 0, DR7_GD | ENABLE(0, WRITE, 4));
}

static void ports(void)
{
    put("ports\n");
    show = 0;
    set_dr(0xED, 0x80, 0, 0);
    go("without DE", SNIPPET("outb %al, $0xED\nnop"), 0, 0, 0, ENABLE(0, IO, 1));
    write_cr4(CR4_DE);
    go("out", SNIPPET("outb %al, $0xED\nnop"), 0, 0, 0, ENABLE(0, IO, 1));
    go("another", SNIPPET("outb %al, $0xEB\nnop"), 0, 0, 0, ENABLE(0, IO, 1));
    go("in", SNIPPET("inb $0xED, %al\nnop"), 0, 0, 0, ENABLE(0, IO, 1));
    go("by dx", SNIPPET("movw $0xED, %dx\noutb %al, %dx\nnop"), 0, 0, 0, ENABLE(0, IO, 1));
    go("memory at that address", SNIPPET("movb 0xED, %al\nnop"), 0, 0, 0, ENABLE(0, IO, 1));
    write_cr4(0);
}

/* RF in the frames of other exceptions. */
static void frame_of(const char *name, const void *code)
{
    attempt(code, 0, 0, 0, 0, 0);
    put(name);
    put(": #");
    put_hex(outcome.vector, 2);
    put_field("rf", outcome.eflags >> 16 & 1);
    newline();
}

static void frames(void)
{
    put("frames\n");
    set_gate(idt, 0x40, SEL_CODE(0), (u32)trap_stubs + 16 * 0x40, ACC(0, T_INT32), 0);
    frame_of("ud2", SNIPPET("ud2"));
    frame_of("div", SNIPPET("xorl %ecx, %ecx\ndivl %ecx"));
    frame_of("int3", SNIPPET("int3"));
    frame_of("int n", SNIPPET("int $0x40"));
    frame_of("int n with RF", SNIPPET("pushl $0x10002\npushl %cs\npushl $1f\niret\n1: int $0x40"));
    frame_of("int3 with RF", SNIPPET("pushl $0x10002\npushl %cs\npushl $1f\niret\n1: int3"));
    frame_of("int n behind another", SNIPPET("pushl $0x10002\npushl %cs\npushl $1f\niret\n1: nop\nint $0x40"));
    show = 0;
    set_dr((u32)cells, 0, 0, 0);
    go("a repeat's trap", SNIPPET("movl $debug_cells, %edi\nrep\nstosl"), 0, 0, 3, ENABLE(0, WRITE, 4));
    show = SHOW_EAX;
    TEST("pushf with RF", 0, 0, "pushl $0x10002\npushl %cs\npushl $1f\niret\n1: pushfl\npopl %eax");
}

int main(void)
{
    put("debug\n");
    trap_hook = hook;
    registers();
    instructions();
    data();
    strings();
    steps();
    stack_segment();
    detection();
    ports();
    frames();
    put("end\n");
    return 0;
}

__asm__(".globl debug_cells\n.set debug_cells, cells");
