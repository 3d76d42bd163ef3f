/* Segment limits and rights on every access: read, write, execute, stack, expand-down, null segments, wrap-around at 64 KiB and 4 GiB. */
#include "check.h"

#define SMALL SEL_TEST(0)
static u8 area[8192] __attribute__((aligned(4096)));

static u8 area16[0x10100];

static const void *r1, *r2, *r4, *w1, *w4, *rm4, *s4;

static void data(const char *name, u32 at, u32 size_vector1, u32 size_vector2, u32 size_vector4)
{
    expect(name, r1, 0, SMALL, at, size_vector1, 0);
    expect(name, r2, 0, SMALL, at, size_vector2, 0);
    expect(name, r4, 0, SMALL, at, size_vector4, 0);
    expect(name, w1, 0, SMALL, at, size_vector1, 0);
    expect(name, w4, 0, SMALL, at, size_vector4, 0);
    expect(name, rm4, 0, SMALL, at, size_vector4, 0);
}

static void stack(const char *name, u32 selector, u32 esp, u32 vector)
{
    /* #SS is delivered on the bad stack if the ring does not change: so in ring 3. */
    expect(name, s4, 3, selector | 3, esp, vector, 0);
}

#define AT16(at, bytes) __builtin_memcpy(area16 + (at), bytes, sizeof bytes - 1)
#define CODE16 SEL_TEST(3)
/* EIP counts with 32 bits; a jump with 16-bit operands cuts its target, nothing else does. */
static void code16(void)
{
    const void *x = SNIPPET("pushl %cs\npushl $1f\npushl %eax\npushl %ecx\nlret\n1:");
    set_segment(CODE16, (u32)area16, 0xFFFF, ACC(0, T_CODE_RX), 0);
    fill(area16 + 0xFFFC, 0x90, 4);
    expect("running off the end", x, 0, CODE16, 0xFFFC, 13, 0);
    check_value("at the end", outcome.eip, 0x10000);
    set_segment(CODE16, (u32)area16, sizeof area16 - 1, ACC(0, T_CODE_RX), 0);
    AT16(0xFFF8, "\x66\xb8\x21\x43\x65\x87\x90\x90\x66\xcb"); /* movl $0x87654321, %eax; nop; nop; lretl */
    expect("the segment goes on", x, 0, CODE16, 0xFFF8, NONE, 0);
    check_value("eax", outcome.eax, 0x87654321);
    AT16(0xFFFE, "\x90\x90\x0f\x0b"); /* nop; nop; ud2 */
    expect("a fault beyond", x, 0, CODE16, 0xFFFE, 6, 0);
    check_value("at its own address", outcome.eip, 0x10000);
    AT16(0xFFFB, "\x66\xb8\x78\x56\x34\x12\x66\xcb"); /* movl $0x12345678, %eax; lretl */
    expect("an instruction across", x, 0, CODE16, 0xFFFB, NONE, 0);
    check_value("eax", outcome.eax, 0x12345678);
    AT16(0xFFFA, "\x66\xe8\0\0\0\0\x66\x58\x66\xcb"); /* calll 1f; 1: popl %eax; lretl */
    expect("a call with 32-bit operands", x, 0, CODE16, 0xFFFA, NONE, 0);
    check_value("return address", outcome.eax, 0x10000);
    AT16(0xFFFE, "\x90\x90\xeb\x00"); /* nop; nop; jmp to the next instruction, but for the cut */
    AT16(2, "\x66\xb8\x44\x33\x22\x11\x66\xcb"); /* movl $0x11223344, %eax; lretl */
    expect("a jump with 16-bit operands", x, 0, CODE16, 0xFFFE, NONE, 0);
    check_value("eax", outcome.eax, 0x11223344);
}

#define INNER_STACK SEL_TEST(4)
#define INNER_CODE SEL_TEST(5)
#define OUTER_CODE SEL_TEST(6)
static void transfers(void)
{
    const void *gate = SNIPPET("movl $0x11223344, %eax\nlcall $0x90, $0"); /* SEL_TEST(7) */
    const void *far = SNIPPET("movl %eax, %ss\nmovl %ecx, %esp\nlcall $0x8b, $0x1000");
    u32 ss1 = tss.ss1, esp1 = tss.esp1;
    set_segment(INNER_STACK, (u32)area, 0x0FFF, ACC(1, T_DATA_RW), FL_B);
    set_segment(INNER_CODE, (u32)area, 0x0FFF, ACC(1, T_CODE_RX), FL_B);
    set_segment(OUTER_CODE, (u32)area, 0x0FFF, ACC(3, T_CODE_RX), FL_B);
    set_gate(gdt, SEL_TEST(7) >> 3, INNER_CODE, 0x1000, ACC(3, T_CALL32), 0);
    tss.ss1 = INNER_STACK | 1;
    tss.esp1 = 0x1000;
    expect("call gate, EIP beyond the limit", gate, 3, 0, 0, 13, 0);
    check_value("where it was called", outcome.eip, (u32)gate + 5);
    check_value("in ring 3", outcome.cs, SEL_CODE(3));
    tss.esp1 = 12;
    expect("call gate, no room either", gate, 3, 0, 0, 12, INNER_STACK);
    tss.ss1 = SEL_DATA(0);
    expect("call gate, SS of another ring", gate, 3, 0, 0, 10, SEL_DATA(0));
    tss.ss1 = ss1;
    tss.esp1 = esp1;
    expect("far call, EIP beyond the limit", far, 3, SMALL | 3, 0x800, 13, 0);
    expect("far call, no room either", far, 3, SMALL | 3, 4, 12, 0);
}

/* The same of what comes through a gate of the IDT: of software, and of the processor, whose error codes say so (EXT). */
static void deliveries(void)
{
    const void *inner = SNIPPET("int $0x40"), *same = SNIPPET("movl %eax, %ss\nmovl %ecx, %esp\nint $0x41");
    const void *undefined = SNIPPET("ud2");
    u32 ss1 = tss.ss1, esp1 = tss.esp1;
    u32 of_undefined[2] = {idt[6][0], idt[6][1]};
    set_gate(idt, 0x40, INNER_CODE, 0x1000, ACC(3, T_INT32), 0);
    set_gate(idt, 0x41, OUTER_CODE, 0x1000, ACC(3, T_INT32), 0);
    set_gate(idt, 6, INNER_CODE, 0x1000, ACC(0, T_INT32), 0);
    tss.ss1 = INNER_STACK | 1;
    tss.esp1 = 0x1000;
    expect("interrupt to an inner ring, EIP beyond the limit", inner, 3, 0, 0, 13, 0);
    check_value("where it was called", outcome.eip, (u32)inner);
    check_value("in ring 3", outcome.cs, SEL_CODE(3));
    expect("exception to an inner ring, EIP beyond the limit", undefined, 3, 0, 0, 13, 1);
    tss.esp1 = 12;
    expect("interrupt to an inner ring, no room either", inner, 3, 0, 0, 12, INNER_STACK);
    expect("exception to an inner ring, no room either", undefined, 3, 0, 0, 12, INNER_STACK | 1);
    tss.ss1 = SEL_DATA(0);
    expect("interrupt to an inner ring, SS of another ring", inner, 3, 0, 0, 10, SEL_DATA(0));
    tss.ss1 = ss1;
    tss.esp1 = esp1;
    expect("interrupt in the same ring, EIP beyond the limit", same, 3, SMALL | 3, 0x800, 13, 0);
    expect("interrupt in the same ring, no room either", same, 3, SMALL | 3, 4, 12, 0);
    idt[6][0] = of_undefined[0], idt[6][1] = of_undefined[1];
}

int main(void)
{
    const void *x;
    r1 = SNIPPET("movl %eax, %fs\nmovb %fs:(%ecx), %dl");
    r2 = SNIPPET("movl %eax, %fs\nmovw %fs:(%ecx), %dx");
    r4 = SNIPPET("movl %eax, %fs\nmovl %fs:(%ecx), %edx");
    w1 = SNIPPET("movl %eax, %fs\nmovb %dl, %fs:(%ecx)");
    w4 = SNIPPET("movl %eax, %fs\nmovl %edx, %fs:(%ecx)");
    rm4 = SNIPPET("movl %eax, %fs\naddl %edx, %fs:(%ecx)");
    s4 = SNIPPET("movl %esp, %edx\nmovl %ss, %ebx\nmovl %eax, %ss\nmovl %ecx, %esp\npushl %eax\nmovl %ebx, %ss\nmovl %edx, %esp");
    put("limits\n");
    set_segment(SMALL, (u32)area, 0x0FFF, ACC(3, T_DATA_RW), FL_B);
    data("inside", 0x0FFC, NONE, NONE, NONE);
    data("at the limit", 0x0FFF, NONE, 13, 13);
    data("one before", 0x0FFE, NONE, NONE, 13);
    data("beyond", 0x1000, 13, 13, 13);
    data("far beyond", 0xFFFFFFFF, 13, 13, 13);
    set_segment(SMALL, (u32)area, 0, ACC(3, T_DATA_RW), FL_B);
    data("limit 0, byte 0", 0, NONE, 13, 13);
    data("limit 0, byte 1", 1, 13, 13, 13);
    set_segment(SMALL, (u32)area, 0, ACC(3, T_DATA_RW), FL_G | FL_B);
    data("one page, its last dword", 0x0FFC, NONE, NONE, NONE);
    data("one page, beyond", 0x1000, 13, 13, 13);
    put("expand-down\n");
    set_segment(SMALL, (u32)area, 0x0FFF, ACC(3, T_DATA_DOWN_RW), FL_B);
    data("at the limit", 0x0FFF, 13, 13, 13);
    data("above the limit", 0x1000, NONE, NONE, NONE);
    data("below the limit", 0x0800, 13, 13, 13);
    set_segment(SMALL, (u32)area - 0xF000, 0xEFFF, ACC(3, T_DATA_DOWN_RW), 0);
    data("16 bits, inside", 0xF000, NONE, NONE, NONE);
    data("16 bits, last dword", 0xFFFC, NONE, NONE, NONE);
    data("16 bits, last byte", 0xFFFF, NONE, 13, 13);
    data("16 bits, beyond 64 KiB", 0x10000, 13, 13, 13);
    set_segment(SMALL, (u32)area, 0xFFFFF, ACC(3, T_DATA_DOWN_RW), FL_G | FL_B);
    data("nothing is inside", 0x1000, 13, 13, 13);
    put("rights\n");
    set_segment(SMALL, (u32)area, 0x0FFF, ACC(3, T_DATA_R), FL_B);
    expect("read of read-only", r4, 0, SMALL, 0, NONE, 0);
    expect("write to read-only", w4, 0, SMALL, 0, 13, 0);
    expect("read-modify-write of read-only", rm4, 0, SMALL, 0, 13, 0);
    set_segment(SMALL, (u32)area, 0x0FFF, ACC(3, T_CODE_RX), FL_B);
    expect("read of readable code", r4, 0, SMALL, 0, NONE, 0);
    expect("write to readable code", w4, 0, SMALL, 0, 13, 0);
    expect("write through cs", SNIPPET("movl %eax, %cs:area_view"), 0, 0, 0, 13, 0);
    expect("null segment, read", r4, 0, 0, 0, 13, 0);
    expect("null segment, write", w4, 0, 0, 0, 13, 0);
    expect("null segment, byte", r1, 3, 0, 0, 13, 0);
    expect("null ds", SNIPPET("movl %ds, %edx\nxorl %ecx, %ecx\nmovl %ecx, %ds\nmovl (%ecx), %eax"), 0, 0, 0, 13, 0);
    expect("null es in stos", SNIPPET("xorl %edi, %edi\nmovl %edi, %es\nstosb"), 0, 0, 0, 13, 0);
    expect("null es in rep stos of nothing", SNIPPET("xorl %edi, %edi\nmovl %edi, %es\nxorl %ecx, %ecx\nrep stosb"), 0, 0, 0, NONE, 0);
    expect("lea does not look", SNIPPET("xorl %ecx, %ecx\nmovl %ecx, %fs\nlea %fs:(%ecx), %eax"), 0, 0, 0, NONE, 0);
    put("stack\n");
    set_segment(SMALL, (u32)area, 0x0FFF, ACC(3, T_DATA_RW), FL_B);
    stack("inside", SMALL, 0x1000, NONE);
    stack("beyond by one", SMALL, 0x1001, 12);
    stack("wraps below 0", SMALL, 0, 12);
    stack("partly below 0", SMALL, 2, 12);
    set_segment(SMALL, (u32)area, 0x0FFF, ACC(3, T_DATA_DOWN_RW), FL_B);
    stack("expand-down, inside", SMALL, 0x1004, NONE);
    stack("expand-down, below", SMALL, 0x1003, 12);
    set_segment(SMALL, (u32)area, 0x0FFF, ACC(3, T_DATA_RW), FL_B);
    expect("ebp means ss", SNIPPET("movl %esp, %edx\nmovl %eax, %ss\nmovl %ecx, %ebp\nmovl (%ebp), %ebx"), 3, SMALL | 3, 0x1000, 12, 0);
    expect("esp means ss", SNIPPET("movl %eax, %ss\nmovl %ecx, %esp\nmovl (%esp), %ebx"), 3, SMALL | 3, 0x1000, 12, 0);
    expect("ds override of ebp", SNIPPET("movl %ds, %ebx\nmovl %eax, %ds\nmovl %ecx, %ebp\nmovl %ds:(%ebp), %edx"), 3, SMALL | 3, 0x1000, 13, 0);
    expect("pop at the edge", SNIPPET("movl %eax, %ss\nmovl %ecx, %esp\npopl %ebx"), 3, SMALL | 3, 0xFFE, 12, 0);
    expect("call on a full stack", SNIPPET("movl %eax, %ss\nmovl %ecx, %esp\ncall 1f\n1:"), 3, SMALL | 3, 2, 12, 0);
    expect("pusha without room", SNIPPET("movl %eax, %ss\nmovl %ecx, %esp\npushal"), 3, SMALL | 3, 16, 12, 0);
    expect("enter without room", SNIPPET("movl %eax, %ss\nmovl %ecx, %esp\nenter $0, $0"), 3, SMALL | 3, 3, 12, 0);
    put("code\n");
    set_segment(SEL_TEST(1), (u32)area, 0x0FFF, ACC(0, T_CODE_RX), FL_B);
    area[0xFFC] = 0x90, area[0xFFD] = 0x90, area[0xFFE] = 0xCB, area[0xFFF] = 0xB8; /* nop; nop; lret; mov eax, imm */
    x = SNIPPET("pushl %cs\npushl $1f\npushl %eax\npushl %ecx\nlret\n1:");
    expect("up to the limit", x, 0, SEL_TEST(1), 0xFFC, NONE, 0);
    expect("instruction over the limit", x, 0, SEL_TEST(1), 0xFFF, 13, 0);
    check_value("at its own address", outcome.eip, 0xFFF);
    area[0xFFE] = 0x90, area[0xFFF] = 0x90;
    expect("running off the end", x, 0, SEL_TEST(1), 0xFFC, 13, 0);
    check_value("at the end", outcome.eip, 0x1000);
    expect("far jump beyond the limit", x, 0, SEL_TEST(1), 0x1000, 13, 0);
    area[0] = 0xE9, area[1] = 0, area[2] = 0x20, area[3] = 0, area[4] = 0; /* jmp +2000h */
    expect("near jump beyond the limit", x, 0, SEL_TEST(1), 0, 13, 0);
    area[0] = 0x74, area[1] = 0x7F, area[2] = 0xCB;
    expect("jump not taken", x, 0, SEL_TEST(1), 0, NONE, 0);
    put("16-bit code around 64 KiB\n");
    code16();
    put("transfers with two faults: the stack comes first\n");
    transfers();
    deliveries();
    put("string instructions\n");
    set_segment(SMALL, (u32)area, 0x0FFF, ACC(3, T_DATA_RW), FL_B);
    expect("rep movs to the limit", SNIPPET("movl %eax, %es\nmovl $0xFF0, %edi\nmovl %edi, %esi\nmovl $16, %ecx\nrep movsb %fs:(%esi), %es:(%edi)"), 0, SMALL, 0, 13, 0);
    expect("rep stos over the limit", SNIPPET("movl %eax, %es\nmovl $0xFF0, %edi\nmovl $32, %ecx\nrep stosb"), 0, SMALL, 0, 13, 0);
    check_value("count left", outcome.ecx, 16);
    check_value("pointer", outcome.edi, 0x1000);
    expect("scas over the limit", SNIPPET("movl %eax, %es\nmovl $0xFFE, %edi\nscasl"), 0, SMALL, 0, 13, 0);
    check_value("pointer stays", outcome.edi, 0xFFE);
    put("16-bit addresses wrap\n");
    set_segment(SEL_TEST(2), 0, 0xFFFF, ACC(0, T_DATA_RW), 0);
    expect("a word at FFFF", SNIPPET("movl %eax, %fs\nmovl $0xFFFF, %ebx\naddr16 movw %fs:(%bx), %dx"), 0, SEL_TEST(2), 0, 13, 0);
    expect("bx + si wraps", SNIPPET("movl %eax, %fs\nmovl $0xFFFF, %ebx\nmovl $1, %esi\naddr16 movw %fs:(%bx,%si), %dx"), 0, SEL_TEST(2), 0, NONE, 0);
    return conclude();
}

__asm__(".globl area_view\n.set area_view, area");
