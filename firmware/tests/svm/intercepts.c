/* Each instruction intercept taken and not taken: exit code and information, the address saved, nothing done of what is intercepted. */
#include "svm.h"

u32 memory_view[4];
struct {
    u16 limit;
    u32 base;
} __attribute__((packed)) pointer_view;

/* With the bit set, the exit; with the bit clear, what the guest makes of it. */
static void both(const char *name, u32 bit, u32 word2, const void *code)
{
    u32 on;
    for (on = 0; on < 2; on++) {
        guest_begin();
        V32(INTERCEPT_GENERAL1) |= on && !word2 ? bit : 0;
        V32(INTERCEPT_GENERAL2) |= on && word2 ? bit : 0;
        V32(RAX) = (u32)host_vmcb;
        guest.ecx = MSR_EFER;
        put(on ? "+ " : "- ");
        guest_run(name, code);
    }
}
#define BOTH1(name, bit, text) both(name, INTERCEPT1_##bit, 0, GUEST(text))
#define BOTH2(name, bit, text) both(name, INTERCEPT2_##bit, 1, GUEST(text))

static void in_ring_3(const char *name, u32 word1, u32 word2, const void *code)
{
    guest_begin();
    guest_ring(3);
    V32(INTERCEPT_GENERAL1) |= word1;
    V32(INTERCEPT_GENERAL2) |= word2;
    V32(RAX) = (u32)host_vmcb;
    guest_run(name, code);
}

int main(void)
{
    const void *code;
    put("intercepts\n");
    svm_on();
    pointer_view.limit = 0x7FF;
    pointer_view.base = (u32)guest_idt;
    BOTH1("sidt", IDTR_READ, "sidt memory_view");
    BOTH1("sgdt", GDTR_READ, "sgdt memory_view");
    BOTH1("sldt", LDTR_READ, "sldt %eax");
    BOTH1("str", TR_READ, "str %eax");
    BOTH1("lidt", IDTR_WRITE, "lidt pointer_view");
    pointer_view.limit = 128 * 8 - 1;
    pointer_view.base = (u32)gdt;
    BOTH1("lgdt", GDTR_WRITE, "lgdt pointer_view");
    BOTH1("lldt", LDTR_WRITE, "xorl %eax, %eax\nlldt %ax");
    BOTH1("ltr", TR_WRITE, "xorl %eax, %eax\nmovw $0x400, %ax\nltr %ax");
    BOTH1("rdtsc", RDTSC, "rdtsc");
    BOTH1("pushf", PUSHF, "pushfl\npopl %eax");
    BOTH1("popf", POPF, "pushl $2\npopfl");
    BOTH1("cpuid", CPUID, "cpuid");
    BOTH1("rsm", RSM, "rsm");
    BOTH1("iret", IRET, "pushfl\npushl %cs\npushl $1f\niret\n1:");
    BOTH1("int n", SWINT, "int $0x41");
    BOTH1("pause", PAUSE, "pause");
    BOTH1("repne nop", PAUSE, ".byte 0xf2, 0x90"); /* no PAUSE */
    BOTH1("repne, then rep nop", PAUSE, ".byte 0xf2, 0xf3, 0x90");
    BOTH1("invlpg", INVLPG, "invlpg 0x12345");
    BOTH1("invlpga", INVLPGA, "movl $0x12345678, %eax\nmovl $2, %ecx\ninvlpga");
    BOTH2("wbinvd", WBINVD, "wbinvd");
    BOTH2("vmload", VMLOAD, "vmload");
    BOTH2("vmsave", VMSAVE, "vmsave");
    BOTH2("stgi", STGI, "stgi");
    BOTH2("clgi", CLGI, "clgi\nstgi");
    put("hlt\n");
    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_HLT;
    guest_run("+ hlt", GUEST("hlt"));
    put("vmrun, vmmcall\n");
    guest_begin();
    guest_run("+ vmrun", GUEST("vmrun"));
    guest_begin();
    guest_run("+ vmmcall", GUEST("nop"));
    V32(INTERCEPT_GENERAL2) = INTERCEPT2_VMRUN;
    V32(INTERCEPT_EXCEPTIONS) = 1 << 6;
    guest_run("- vmmcall is undefined", GUEST("nop"));
    put("in ring 3\n");
    in_ring_3("cpuid", INTERCEPT1_CPUID, 0, GUEST("cpuid"));
    in_ring_3("rdtsc", INTERCEPT1_RDTSC, 0, GUEST("rdtsc"));
    in_ring_3("pushf", INTERCEPT1_PUSHF, 0, GUEST("pushfl\npopl %eax"));
    in_ring_3("popf", INTERCEPT1_POPF, 0, GUEST("popfl"));
    in_ring_3("iret", INTERCEPT1_IRET, 0, GUEST("iret"));
    in_ring_3("int n", INTERCEPT1_SWINT, 0, GUEST("int $0x41"));
    in_ring_3("sgdt", INTERCEPT1_GDTR_READ, 0, GUEST("sgdt memory_view"));
    in_ring_3("sidt", INTERCEPT1_IDTR_READ, 0, GUEST("sidt memory_view"));
    in_ring_3("sldt", INTERCEPT1_LDTR_READ, 0, GUEST("sldt %eax"));
    in_ring_3("str", INTERCEPT1_TR_READ, 0, GUEST("str %eax"));
    in_ring_3("pause", INTERCEPT1_PAUSE, 0, GUEST("pause"));
    in_ring_3("hlt: #GP first", INTERCEPT1_HLT, 0, GUEST("hlt"));
    in_ring_3("invlpg: #GP first", INTERCEPT1_INVLPG, 0, GUEST("invlpg 0x12345"));
    in_ring_3("invlpga: #GP first", INTERCEPT1_INVLPGA, 0, GUEST("invlpga"));
    in_ring_3("lgdt: #GP first", INTERCEPT1_GDTR_WRITE, 0, GUEST("lgdt pointer_view"));
    in_ring_3("lidt: #GP first", INTERCEPT1_IDTR_WRITE, 0, GUEST("lidt pointer_view"));
    in_ring_3("lldt: #GP first", INTERCEPT1_LDTR_WRITE, 0, GUEST("lldt %ax"));
    in_ring_3("ltr: #GP first", INTERCEPT1_TR_WRITE, 0, GUEST("ltr %ax"));
    in_ring_3("wbinvd: #GP first", 0, INTERCEPT2_WBINVD, GUEST("wbinvd"));
    in_ring_3("vmrun: #GP first", 0, INTERCEPT2_VMRUN, GUEST("vmrun"));
    in_ring_3("vmload: #GP first", 0, INTERCEPT2_VMLOAD, GUEST("vmload"));
    in_ring_3("vmsave: #GP first", 0, INTERCEPT2_VMSAVE, GUEST("vmsave"));
    in_ring_3("stgi: #GP first", 0, INTERCEPT2_STGI, GUEST("stgi"));
    in_ring_3("clgi: #GP first", 0, INTERCEPT2_CLGI, GUEST("clgi"));
    in_ring_3("vmmcall", 0, 0, GUEST("nop"));
    put("without EFER.SVME in the guest\n");
    code = GUEST("movl $0xC0000080, %ecx\nxorl %eax, %eax\nxorl %edx, %edx\nwrmsr\nvmload");
    guest_begin();
    V32(INTERCEPT_GENERAL2) |= INTERCEPT2_VMLOAD;
    V32(INTERCEPT_EXCEPTIONS) = 1 << 6;
    guest_run("vmload: #UD first", code);
    value("stored by sgdt and sidt", memory_view[0] != 0);
    put("skinit\n");
    guest_begin(); /* it is always intercepted: here it is a late launch otherwise */
    V32(INTERCEPT_GENERAL2) |= INTERCEPT2_SKINIT;
    guest_run("+ skinit", GUEST("skinit")); /* last: Bochs ends here */
    value("exits", guest_exits);
    put("end\n");
    return 0;
}
