/* Segment loads with every descriptor type, presence and privilege: #GP, #NP, #SS with the selector as error code. */
#include "rt.h"

static const struct {
    const char *name;
    u32 access, flags;
} KINDS[] = {
    {"data_r", ACC(0, T_DATA_R), FL_B},          {"data_rw", ACC(0, T_DATA_RW), FL_B},
    {"down_r", ACC(0, T_DATA_DOWN_R), FL_B},     {"down_rw", ACC(0, T_DATA_DOWN_RW), FL_B},
    {"code_x", ACC(0, T_CODE_X), FL_B},          {"code_rx", ACC(0, T_CODE_RX), FL_B},
    {"conf_x", ACC(0, T_CODE_CONF_X), FL_B},     {"conf_rx", ACC(0, T_CODE_CONF_RX), FL_B},
    {"data_rw_np", ACC_NP(0, T_DATA_RW), FL_B},  {"code_rx_np", ACC_NP(0, T_CODE_RX), FL_B},
    {"data3_rw", ACC(3, T_DATA_RW), FL_B},       {"data3_np", ACC_NP(3, T_DATA_RW), FL_B},
    {"code3_rx", ACC(3, T_CODE_RX), FL_B},       {"data1_rw", ACC(1, T_DATA_RW), FL_B},
    {"conf3_rx", ACC(3, T_CODE_CONF_RX), FL_B},  {"tss16", ACC(0, T_TSS16), 0},
    {"ldt", ACC(0, T_LDT), 0},                   {"call32", ACC(3, T_CALL32), 0},
    {"task", ACC(0, T_TASK), 0},                 {"int32", ACC(0, T_INT32), 0},
    {"tss32", ACC(0, T_TSS32), 0},               {"reserved0", ACC(0, 0), 0},
    {"reserved8", ACC(0, 8), 0},                 {"data_np_gp", ACC_NP(0, T_CODE_X), FL_B},
};
#define COUNT (sizeof KINDS / sizeof KINDS[0])

static void two(const char *a, const char *b, u32 rpl)
{
    put(a);
    put(" ");
    put(b);
    put(" rpl");
    put_hex(rpl, 1);
}

static void loads(u32 ring)
{
    static const char *const NAMES[] = {"ds", "es", "fs", "gs", "ss"};
    const void *code[] = {
        SNIPPET("movw %ax, %ds\nmovw %ss, %cx\nmovw %cx, %ds"), SNIPPET("movw %ax, %es"), SNIPPET("movw %ax, %fs"),
        SNIPPET("movw %ax, %gs"), SNIPPET("movw %ss, %cx\nmovw %ax, %ss\nmovw %cx, %ss"),
    };
    u32 n, s, rpl;
    for (s = 0; s < 5; s++)
        for (n = 0; n < COUNT; n++)
            for (rpl = 0; rpl < 4; rpl += ring ? 3 : 1) {
                if (s > 0 && s < 4)
                    continue; /* DS and SS stand for all */
                attempt(code[s], ring, SEL_TEST(n) | rpl, 0, 0, 0);
                if (outcome.vector == ~0u)
                    outcome.eax = 0;
                two(NAMES[s], KINDS[n].name, rpl);
                report("", code[s]);
            }
}

int main(void)
{
    u32 n;
    put("segments\n");
    for (n = 0; n < COUNT; n++)
        set_segment(SEL_TEST(n), 0, 0xFFFFF, KINDS[n].access, KINDS[n].flags | FL_G);
    put("ring 0\n");
    loads(0);
    put("ring 3\n");
    loads(3);
    put("special\n");
    TEST("null to ds", 0, 0, "movw %ax, %ds\nmovw %ss, %cx\nmovw %cx, %ds");
    TEST("null with rpl 3 to es", 3, 0, "movw %ax, %es");
    TEST("null to ss", 0, 0, "movw %ax, %ss");
    TEST_AT("null to ss in ring 3", 3, 3, 0, 0, 0, "movw %ax, %ss");
    TEST("beyond the gdt", 0x400, 0, "movw %ax, %es");
    TEST("beyond the gdt, rpl 3", 0x403, 0, "movw %ax, %es");
    TEST("in the ldt while ldtr is null", 0x04, 0, "movw %ax, %es");
    __asm__ volatile("lldt %w0" : : "r"(SEL_LDT));
    set_segment(0x04, 0, 0xFFFFF, ACC(0, T_DATA_RW), FL_G | FL_B);
    set_segment(0x0C, 0, 0xFFFFF, ACC_NP(0, T_DATA_RW), FL_G | FL_B);
    TEST("in the ldt, entry 0", 0x04, 0, "movw %ax, %es");
    TEST("in the ldt, not present", 0x0C, 0, "movw %ax, %es");
    TEST("in the ldt, type 0", 0x14, 0, "movw %ax, %es");
    TEST("beyond the ldt", 0x84, 0, "movw %ax, %es");
    TEST("mov to cs", 0x08, 0, ".byte 0x8e, 0xc8");
    TEST("sreg 6", 0x08, 0, ".byte 0x8e, 0xf0");
    TEST("sreg 7", 0x08, 0, ".byte 0x8e, 0xf8");
    show = SHOW_EAX | SHOW_ECX;
    TEST("les", 0, 0, "pushl $0x10\npushl $0x12345678\nles (%esp), %eax\nmovl %es, %ecx\naddl $8, %esp");
    TEST("lds with a bad selector", 0, 0, "pushl $0x400\npushl $0x12345678\nlds (%esp), %eax");
    TEST("pop fs", 0, 0, "pushl $0x10\npopl %fs\nmovl %fs, %eax");
    TEST("pop fs, bad", 0, 0, "pushl $0x400\npopl %fs");
    TEST("pop fs, 16 bits", 0, 0, "pushl $0xAAAA0010\npopw %fs\nmovl %fs, %eax\npopw %cx");
    TEST("push fs, 32 bits", 0, 0, "movw $0x10, %ax\nmovw %ax, %fs\npushl %fs\npopl %eax");
    set_segment(SEL_TEST(30), 0, 0xFFFFF, ACC(0, T_DATA_RW - 1), FL_G | FL_B);
    TEST("accessed bit is set", SEL_TEST(30), 0, "movw %ax, %es");
    value("access byte", gdt[SEL_TEST(30) >> 3][1] >> 8 & 0xFF);
    value("access byte of what was not loaded", (set_segment(SEL_TEST(31), 0, 0xFFFFF, ACC_NP(0, T_DATA_RW - 1), FL_G), gdt[SEL_TEST(31) >> 3][1] >> 8 & 0xFF));
    TEST("not present", SEL_TEST(31), 0, "movw %ax, %es");
    value("access byte stays", gdt[SEL_TEST(31) >> 3][1] >> 8 & 0xFF);
    put("end\n");
    return 0;
}
