/* Direct far jumps, calls and returns to every kind of descriptor, and code and stack segments of 16 bits. */
#include "rt.h"

__asm__(".text\n.globl far_target, far_return, code16, code16_sp\n"
        "far_target:\n movl %cs, %eax\n int $0x80\n"
        "far_return:\n movl %cs, %ecx\n lret\n"
        ".code16\n"
        "code16:\n movl %cs, %eax\n movl $0x12345678, %ecx\n pushw %cx\n popw %dx\n movzwl %dx, %edx\n lretl\n"
        "code16_sp:\n movl %esp, %eax\n pushl $0x11223344\n movl %esp, %ecx\n popl %edx\n movl %ebx, %esp\n lretl\n"
        ".code32\n");
extern char far_target[], far_return[], code16[], code16_sp[];

static struct {
    u32 offset;
    u16 selector;
} __attribute__((packed)) pointer;

static const u32 KINDS[] = {
    ACC(0, T_CODE_X), ACC(0, T_CODE_RX), ACC(0, T_CODE_CONF_X), ACC(0, T_CODE_CONF_RX), ACC_NP(0, T_CODE_RX), ACC(3, T_CODE_RX),
    ACC(3, T_CODE_CONF_RX), ACC(1, T_CODE_CONF_RX), ACC(0, T_DATA_RW), ACC(0, T_LDT), ACC(0, 0), ACC_NP(0, T_CODE_CONF_RX), ACC_NP(3, T_CODE_RX),
};
#define COUNT (sizeof KINDS / sizeof KINDS[0])

int main(void)
{
    const void *jmp = SNIPPET("ljmp *pointer_view"), *call = SNIPPET("lcall *pointer_view"), *ret = SNIPPET("pushl %eax\npushl %ecx\nlret");
    u32 n, ring, rpl;
    put("far\n");
    show = SHOW_EAX;
    for (n = 0; n < COUNT; n++)
        set_segment(SEL_TEST(n), 0, 0xFFFFF, KINDS[n], FL_G | FL_B);
    for (ring = 0; ring < 4; ring += 3)
        for (n = 0; n < COUNT; n++)
            for (rpl = 0; rpl < 4; rpl += 3) {
                pointer.offset = (u32)far_target;
                pointer.selector = (u16)(SEL_TEST(n) | rpl);
                put("ring ");
                put_number(ring);
                put(" access ");
                put_number(KINDS[n]);
                put(" rpl ");
                put_number(rpl);
                run(" jmp", jmp, ring, 0, 0, 0, 0);
                put("  call");
                run("", call, ring, 0, 0, 0, 0);
                put("  lret");
                run("", ret, ring, SEL_TEST(n) | rpl, (u32)far_target, 0, 0);
            }
    put("null and beyond\n");
    pointer.selector = 0;
    run("jmp null", jmp, 0, 0, 0, 0, 0);
    run("call null", call, 0, 0, 0, 0, 0);
    pointer.selector = 3;
    run("jmp null with rpl 3", jmp, 0, 0, 0, 0, 0);
    pointer.selector = 0x400;
    run("jmp beyond", jmp, 0, 0, 0, 0, 0);
    pointer.selector = 4;
    run("jmp into the ldt that is not there", jmp, 0, 0, 0, 0, 0);
    put("direct\n");
    show = SHOW_EAX | SHOW_ECX | SHOW_EDX;
    TEST("call and return", 0, 0, "lcall $0x08, $far_return");
    TEST("return pops", 0, 0, "movl %esp, %edx\npushl $1\npushl %cs\npushl $1f\nlret $4\n1: subl %esp, %edx");
    TEST("lretw", 0, 0, "movl $code16_end, %edx\nxorl %edx, %edx\nmovl %esp, %ecx\npushl %cs\npushl $1f\nlret\n1: subl %esp, %ecx\n.globl code16_end\ncode16_end:");
    put("16-bit code\n");
    set_segment(SEL_TEST(20), (u32)code16 & ~0xFFFu, 0xFFFF, ACC(0, T_CODE_RX), 0);
    pointer.selector = SEL_TEST(20);
    pointer.offset = (u32)code16 & 0xFFF;
    TEST("call", 0, 0, "lcall *pointer_view");
    put("16-bit stack\n");
    set_segment(SEL_TEST(21), 0x7000, 0xFFFF, ACC(0, T_DATA_RW), 0);
    TEST_AT("push and pop use SP", 0, SEL_TEST(21), 0, 0, 0,
            "movl %esp, %esi\nmovl %eax, %ss\nmovl $0xABCD0800, %esp\npushl $0x55667788\nmovl %esp, %ecx\npopl %edx\nmovl $0x10, %eax\nmovl %eax, %ss\nmovl %esi, %esp");
    TEST_AT("SP wraps", 0, SEL_TEST(21), 0, 0, 0,
            "movl %esp, %esi\nmovl %eax, %ss\nmovl $0xABCD0000, %esp\npushl $0x55667788\nmovl %esp, %ecx\npopl %edx\nmovl %esp, %edx\nmovl $0x10, %eax\nmovl %eax, %ss\nmovl %esi, %esp");
    TEST_AT("call and ret", 0, SEL_TEST(21), 0, 0, 0,
            "movl %esp, %esi\nmovl %eax, %ss\nmovl $0x12340800, %esp\ncall 1f\n1: movl %esp, %ecx\npopl %edx\nsubl $1b, %edx\nmovl $0x10, %eax\nmovl %eax, %ss\nmovl %esi, %esp");
    TEST_AT("enter and leave", 0, SEL_TEST(21), 0, 0, 0,
            "movl %esp, %esi\nmovl %ebp, %edi\nmovl %eax, %ss\nmovl $0x12340800, %esp\nmovl $0x99990700, %ebp\nenter $16, $0\nmovzwl %bp, %ecx\nmovl %esp, %edx\nleave\n"
            "movl %esp, %eax\nmovl $0x10, %ebx\nmovl %ebx, %ss\nmovl %esi, %esp\nmovl %edi, %ebp");
    TEST_AT("pusha and popa", 0, SEL_TEST(21), 7, 0, 0,
            "movl %esp, %esi\nmovl %eax, %ss\nmovl $0x12340800, %esp\npushal\nmovl %esp, %ecx\npopal\nmovl %esp, %edx\nmovl $0x10, %eax\nmovl %eax, %ss\nmovl %esi, %esp");
    put("32-bit addresses of the stack\n");
    show = SHOW_EAX | SHOW_ECX;
    TEST("pushw and popw", 0, 0, "movl %esp, %ecx\npushw $0x1234\nsubl %esp, %ecx\npopw %ax");
    TEST("enterw", 0, 0, "movl %ebp, %edx\nmovl %esp, %ecx\ndata16 enter $4, $0\nsubl %esp, %ecx\ndata16 leave\nmovl %edx, %ebp");
    TEST_AT("popw of sp, a carry in esp", 0, 0, 0, 0, 0,
            "movl %esp, %edx\nmovl $0x1FFFE, %esp\nmovw (%esp), %cx\nmovw $0x5678, (%esp)\npopw %sp\nmovl %esp, %eax\nmovl $0x1FFFE, %esp\nmovw %cx, (%esp)\n"
            "movl %edx, %esp\nxorl %ecx, %ecx");
    TEST_AT("popw of sp by its long form", 0, 0, 0, 0, 0,
            "movl %esp, %edx\nmovl $0x1FFFE, %esp\nmovw (%esp), %cx\nmovw $0x5678, (%esp)\n.byte 0x66, 0x8f, 0xc4\nmovl %esp, %eax\nmovl $0x1FFFE, %esp\n"
            "movw %cx, (%esp)\nmovl %edx, %esp\nxorl %ecx, %ecx");
    put("end\n");
    return 0;
}

void *const pointer_view_address = &pointer;
__asm__(".globl pointer_view\n.set pointer_view, pointer");
