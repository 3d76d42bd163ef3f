/* What of the 486SX is not there, and what it does instead: the README's table, row by row. No oracle lacks the same. */
#include "check.h"

#define TSS16 SEL_TEST(0)
#define TASK_GATE SEL_TEST(1)
#define TSS_OTHER SEL_TEST(2)
#define SMALL SEL_TEST(3)
#define TASK_VECTOR 0x90
#define IDT_ERROR(vector) ((vector) << 3 | 2)
#define EFLAGS_NT 0x4000
#define EFLAGS_VM 0x20000
#define CR0_MP 2
#define CR0_EM 4
#define CR0_TS 8

static struct tss other_tss;
static u32 operand[4] __attribute__((aligned(16)));

static void tasks(void)
{
    put("task switches\n");
    set_segment(TSS_OTHER, (u32)&other_tss, 103, ACC(3, T_TSS32), 0);
    set_segment(TSS16, (u32)&other_tss, 43, ACC(0, T_TSS16), 0);
    set_gate(gdt, TASK_GATE >> 3, TSS_OTHER, 0, ACC(3, T_TASK), 0);
    set_gate(idt, TASK_VECTOR, TSS_OTHER, 0, ACC(3, T_TASK), 0);
    expect("far jump to a TSS", SNIPPET("ljmp $0x68, $0"), 0, 0, 0, 13, TSS_OTHER);
    expect("far call to a TSS", SNIPPET("lcall $0x68, $0"), 0, 0, 0, 13, TSS_OTHER);
    expect("far jump to a task gate", SNIPPET("ljmp $0x60, $0"), 0, 0, 0, 13, TASK_GATE);
    expect("far call to a task gate", SNIPPET("lcall $0x60, $0"), 0, 0, 0, 13, TASK_GATE);
    expect("from ring 3", SNIPPET("lcall $0x60, $0"), 3, 0, 0, 13, TASK_GATE);
    expect("INT through a task gate", SNIPPET("int $0x90"), 0, 0, 0, 13, IDT_ERROR(TASK_VECTOR));
    expect("INT through a task gate from ring 3", SNIPPET("int $0x90"), 3, 0, 0, 13, IDT_ERROR(TASK_VECTOR));
    set_gate(idt, 6, TSS_OTHER, 0, ACC(0, T_TASK), 0);
    expect("an exception through a task gate", SNIPPET("ud2"), 0, 0, 0, 13, IDT_ERROR(6) | 1);
    set_gate(idt, 6, SEL_CODE(0), (u32)trap_stubs + 16 * 6, ACC(0, T_INT32), 0);
    expect("IRET with NT", SNIPPET("pushl %ecx\npopfl\npushl $2\npushl %cs\npushl $1f\niret\n1:"), 0, 0, 2 | EFLAGS_NT, 13, 0);
    check_value("it is there, and is kept", outcome.eflags & EFLAGS_NT, EFLAGS_NT);
    expect("LTR of a 16-bit TSS", SNIPPET("ltr %ax"), 0, TSS16, 0, 13, TSS16);
    expect("LTR of a 32-bit TSS", SNIPPET("movl $0x68, %eax\nltr %ax"), 0, 0, 0, NONE, 0);
    set_segment(SEL_TSS, (u32)&tss, sizeof tss - 1, ACC(0, T_TSS32), 0);
    expect("LTR back", SNIPPET("ltr %ax"), 0, SEL_TSS, 0, NONE, 0);
    expect("ring 3 and back by it", SNIPPET("movl %cs, %eax"), 3, 0, 0, NONE, 0);
    check_value("the link of no TSS was written", other_tss.link | tss.link, 0);
}

static void virtual_8086(void)
{
    put("virtual-8086 mode\n");
    expect("IRET that would enter it",
           SNIPPET("pushl $0\npushl $0\npushl $0\npushl $0\npushl $0\npushl $0x1000\npushl %ecx\npushl $0\npushl $0\niret"), 0, 0, 2 | EFLAGS_VM, 13, 0);
    check_value("nothing was popped", outcome.eflags & EFLAGS_VM, 0);
    expect("IRET in ring 3 leaves VM as it is", SNIPPET("pushl %ecx\npushl %cs\npushl $1f\niret\n1: pushfl\npopl %eax"), 3, 0, 2 | EFLAGS_VM, NONE, 0);
    check_value("it is clear", outcome.eax & EFLAGS_VM, 0);
    expect("POPF leaves VM as it is", SNIPPET("pushl %ecx\npopfl\npushfl\npopl %eax"), 0, 0, 2 | EFLAGS_VM, NONE, 0);
    check_value("it is clear", outcome.eax & EFLAGS_VM, 0);
}

#define TR(n) \
    expect("mov to tr" #n, SNIPPET(".byte 0x0f, 0x26, 0xc0 | " #n " << 3"), 0, 0, 0, 6, 0); \
    expect("mov from tr" #n, SNIPPET(".byte 0x0f, 0x24, 0xc0 | " #n " << 3"), 0, 0, 0, 6, 0)

static void others(void)
{
    put("test registers, SALC\n");
    TR(3);
    TR(4);
    TR(5);
    TR(6);
    TR(7);
    expect("SALC", SNIPPET(".byte 0xd6"), 0, 0, 0, 6, 0);
}

/* ESC of each opcode byte, with a register and with a memory operand. */
#define ESC(byte, vector) \
    expect("esc " byte ", register", SNIPPET("orl %ecx, %eax\nmovl %eax, %cr0\n.byte " byte ", 0xd0\n"), 0, 0x11, bits, vector, 0); \
    write_cr0(0x11); \
    expect("esc " byte ", memory", SNIPPET("orl %ecx, %eax\nmovl %eax, %cr0\n.byte " byte ", 0x15\n.long operand_view"), 0, 0x11, bits, vector, 0); \
    write_cr0(0x11)

static void escapes(u32 bits, u32 vector)
{
    ESC("0xd8", vector);
    ESC("0xd9", vector);
    ESC("0xda", vector);
    ESC("0xdb", vector);
    ESC("0xdc", vector);
    ESC("0xdd", vector);
    ESC("0xde", vector);
    ESC("0xdf", vector);
}

static void coprocessor(void)
{
    put("x87\n");
    escapes(CR0_EM, 7);
    escapes(CR0_TS, 7);
    escapes(CR0_EM | CR0_TS | CR0_MP, 7);
    operand[0] = operand[1] = 0x5A5A5A5A;
    escapes(0, NONE);
    escapes(CR0_MP, NONE);
    check_value("no ESC wrote its operand", operand[0] == 0x5A5A5A5A && operand[1] == 0x5A5A5A5A, 1);
    expect("fnstsw says that there is none", SNIPPET("fnstsw %ax"), 0, 0x1234, 0, NONE, 0);
    check_value("ax", outcome.eax, 0x1234);
    expect("fnstcw too", SNIPPET("fnstcw operand_view"), 0, 0, 0, NONE, 0);
    check_value("memory", operand[0], 0x5A5A5A5A);
    set_segment(SMALL, (u32)operand, 0xFF, ACC(0, T_DATA_RW), FL_B);
    expect("an operand beyond its segment is not looked at", SNIPPET("movl %eax, %fs\nfsts %fs:0x100"), 0, SMALL, 0, NONE, 0);
    expect("wait with MP and TS", SNIPPET("orl %ecx, %eax\nmovl %eax, %cr0\nfwait"), 0, 0x11, CR0_MP | CR0_TS, 7, 0);
    write_cr0(0x11);
    expect("wait with EM", SNIPPET("orl %ecx, %eax\nmovl %eax, %cr0\nfwait"), 0, 0x11, CR0_EM, NONE, 0);
    write_cr0(0x11);
}

int main(void)
{
    put("missing\n");
    tasks();
    virtual_8086();
    others();
    coprocessor();
    return conclude();
}

__asm__(".globl operand_view\n.set operand_view, operand");
