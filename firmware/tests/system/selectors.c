/* LAR, LSL, VERR, VERW, ARPL, and the instructions that read and write the descriptor-table registers. */
#include "rt.h"

static const u32 TYPES[] = {0x10, 0x12, 0x14, 0x16, 0x18, 0x1A, 0x1C, 0x1E, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#define COUNT (sizeof TYPES / sizeof TYPES[0])

static void looks(u32 ring)
{
    const void *code[] = {
        SNIPPET("movl $0x5555, %ecx\nlar %eax, %ecx\nmovl $0x00F0FFFF, %eax\njnz 1f\n1: jnz 2f\n andl %eax, %ecx\ncmpl %eax, %eax\n2:"), SNIPPET("movl $0x5555, %ecx\nlsl %eax, %ecx"),
        SNIPPET("verr %ax"), SNIPPET("verw %ax"),
    };
    u32 n, i, dpl;
    for (n = 0; n < COUNT; n++)
        for (dpl = 0; dpl < 4; dpl += 3) {
            set_segment(SEL_TEST(n), 0x12345678, 0xABCDE, ACC(dpl, TYPES[n]), n & 1 ? 0xD : 0x4);
            put("type ");
            put_number(TYPES[n]);
            put(" dpl ");
            put_number(dpl);
            putchar(':');
            for (i = 0; i < 4; i++) {
                attempt(code[i], ring, SEL_TEST(n) | ring, 0, 0, 0);
                if (outcome.vector != ~0u)
                    put_field("vector", outcome.vector);
                put(outcome.eflags & 0x40 ? " 1" : " 0");
                if (i < 2) {
                    putchar(' ');
                    put_number(outcome.ecx);
                }
            }
            newline();
        }
}

int main(void)
{
    u32 n;
    put("selectors\nring 0\n");
    looks(0);
    put("ring 3\n");
    looks(3);
    put("special\n");
    show = SHOW_ZF | SHOW_ECX;
    set_segment(SEL_TEST(0), 0, 0x12345, ACC_NP(0, T_DATA_RW), FL_B);
    TEST("lar not present", SEL_TEST(0), 0, "lar %eax, %ecx\njnz 1f\nandl $0x00F0FFFF, %ecx\ncmpl %eax, %eax\n1:");
    TEST("lsl not present", SEL_TEST(0), 0, "lsl %eax, %ecx");
    TEST("verr not present", SEL_TEST(0), 0, "verr %ax");
    TEST("verw not present", SEL_TEST(0), 0, "verw %ax");
    TEST("lar null", 0, 0x77, "lar %eax, %ecx");
    TEST("lsl null", 3, 0x77, "lsl %eax, %ecx");
    TEST("verr null", 0, 0, "verr %ax");
    TEST("lar beyond", 0x800, 0x77, "lar %eax, %ecx");
    TEST("lar 16 bits", SEL_CODE(0), 0xFFFFFFFF, "lar %ax, %cx");
    TEST("lsl 16 bits", SEL_CODE(0), 0xFFFFFFFF, "lsl %ax, %cx");
    TEST("lsl code of ring 0, rpl 3", SEL_CODE(0) | 3, 0x77, "lsl %eax, %ecx");
    TEST("lar from memory", 0, 0, "pushl $0xFFFF0008\nlar (%esp), %ecx\njnz 1f\nandl $0x00F0FFFF, %ecx\ncmpl %eax, %eax\n1:\npopl %eax");
    for (n = 0; n < 16; n++) {
        put("arpl ");
        put_number(n);
        put(outcome.vector == ~0u ? "" : "!");
        show = SHOW_EAX | SHOW_ZF;
        run("", SNIPPET("arpl %cx, %ax"), 0, 0xFFFF1230 | (n & 3), 0xFFFF | (n >> 2), 0, 0);
        run("  memory", SNIPPET("pushl %eax\narpl %cx, (%esp)\npopl %eax"), 3, 0xFFFF1230 | (n & 3), 0x5550 | (n >> 2), 0, 0);
    }
    show = SHOW_EAX;
    TEST("sldt", 0x12345678, 0, "sldt %eax\nandl $0xFFFF, %eax");
    TEST("str", 0x12345678, 0, "str %eax\nandl $0xFFFF, %eax");
    TEST("str memory is 16 bits", 0x12345678, 0, "pushl $-1\nstr (%esp)\npopl %eax");
    TEST("smsw", 0, 0, "smsw %ax");
    TEST("smsw memory is 16 bits", 0, 0, "pushl $-1\nsmsw (%esp)\npopl %eax\nandl $0xFFFF000F, %eax");
    TEST_AT("sldt in ring 3", 3, 0, 0, 0, 0, "sldt %ax");
    TEST_AT("str in ring 3", 3, 0, 0, 0, 0, "str %ax");
    TEST_AT("smsw in ring 3", 3, 0, 0, 0, 0, "smsw %ax");
    show = SHOW_EAX | SHOW_ECX;
    TEST("sgdt limit", 0, 0, "subl $8, %esp\nmovl $-1, 4(%esp)\nsgdt (%esp)\nmovzwl (%esp), %eax\nmovzwl 6(%esp), %ecx\naddl $8, %esp");
    TEST("sgdt base", 0, 0, "subl $8, %esp\nsgdt (%esp)\nmovl 2(%esp), %eax\nsubl $gdt, %eax\naddl $8, %esp");
    TEST("sidt base", 0, 0, "subl $8, %esp\nsidt (%esp)\nmovl 2(%esp), %eax\nsubl $idt, %eax\nmovzwl (%esp), %ecx\naddl $8, %esp");
    TEST_AT("sgdt in ring 3", 3, 0, 0, 0, 0, "subl $8, %esp\nsgdt (%esp)\nmovzwl (%esp), %eax\naddl $8, %esp");
    TEST_AT("sidt in ring 3", 3, 0, 0, 0, 0, "subl $8, %esp\nsidt (%esp)\nmovzwl (%esp), %eax\naddl $8, %esp");
    show = 0;
    TEST("sgdt to a register", 0, 0, ".byte 0x0f, 0x01, 0xc0 | 0 << 3 | 6");
    TEST("lgdt from a register", 0, 0, ".byte 0x0f, 0x01, 0xc0 | 2 << 3 | 6");
    TEST("lgdt keeps segments", 0, 0, "lgdt gdt_pointer");
    TEST_AT("lgdt in ring 3", 3, 0, 0, 0, 0, "lgdt gdt_pointer");
    TEST_AT("lidt in ring 3", 3, 0, 0, 0, 0, "lidt idt_pointer");
    TEST_AT("lldt in ring 3", 3, 0, 0, 0, 0, "lldt %ax");
    TEST_AT("ltr in ring 3", 3, 0, 0, 0, 0, "ltr %ax");
    TEST_AT("lmsw in ring 3", 3, 0, 0, 0, 0, "lmsw %ax");
    TEST("lldt null", 0, 0, "lldt %ax");
    TEST("lldt null rpl 3", 3, 0, "lldt %ax");
    TEST("lldt of code", SEL_CODE(0), 0, "lldt %ax");
    TEST("lldt of a tss", SEL_TSS, 0, "lldt %ax");
    set_segment(SEL_TEST(1), (u32)ldt, 0x7F, ACC_NP(0, T_LDT), 0);
    TEST("lldt not present", SEL_TEST(1), 0, "lldt %ax");
    TEST("lldt beyond", 0x800, 0, "lldt %ax");
    TEST("lldt in the ldt", 4, 0, "lldt %ax");
    show = SHOW_EAX;
    TEST("lldt", SEL_LDT, 0, "lldt %ax\nsldt %ax");
    TEST("ltr null", 0, 0, "ltr %ax");
    TEST("ltr busy", SEL_TSS, 0, "ltr %ax");
    TEST("ltr of the ldt", SEL_LDT, 0, "ltr %ax");
    TEST("ltr of data", SEL_DATA(0), 0, "ltr %ax");
    set_segment(SEL_TEST(2), (u32)&tss, sizeof tss - 1, ACC_NP(0, T_TSS32), 0);
    TEST("ltr not present", SEL_TEST(2), 0, "ltr %ax");
    TEST("ltr in the ldt", SEL_TEST(2) | 4, 0, "ltr %ax");
    set_segment(SEL_TEST(2), (u32)&tss, sizeof tss - 1, ACC(0, T_TSS32), 0);
    TEST("ltr", SEL_TEST(2), 0, "ltr %ax\nstr %ax");
    value("access byte after ltr", gdt[SEL_TEST(2) >> 3][1] >> 8 & 0xFF);
    put("end\n");
    return 0;
}
