/* What VMRUN loads and #VMEXIT stores, what it leaves alone, and what the host finds again. */
#include "svm.h"

static u32 field(u32 offset) { return *(volatile u32 *)(vmcb + offset); }

static void segments(const char *name)
{
    static const char *const NAMES[] = {"es", "cs", "ss", "ds", "fs", "gs", "gdtr", "ldtr", "idtr", "tr"};
    u32 n;
    put(name);
    newline();
    for (n = 0; n < 10; n++) {
        u32 at = VMCB_ES_SELECTOR + 16 * n;
        put(" ");
        put(NAMES[n]);
        if (n != 6 && n != 8)
            put_field("selector", field(at) & 0xFFFF);
        if (n == 6 || n == 8 || (field(at) & 0xFFFF)) { /* of a null segment neither is defined */
            put_field("base", field(at + VMCB_SEGMENT_BASE));
            put_field("limit", field(at + VMCB_SEGMENT_LIMIT));
        }
        if (n < 6 && (field(at) & 0xFFFF))
            put_field("attributes", field(at) >> 16 & 0xFFE); /* but the accessed bit */
        newline();
    }
}

int main(void)
{
    u32 cr0, cr3, cr4, fs, tr;
    put("state\n");
    svm_on();
    guest_begin();
    guest.ebx = 0x11111111;
    guest.ecx = 0x22222222;
    guest.edx = 0x33333333;
    V32(RAX) = 0x44444444;
    guest_show = SHOW_EAX | SHOW_EBX | SHOW_ECX | SHOW_EDX;
    guest_run("registers", GUEST("notl %eax\nnotl %ebx\nnotl %ecx\nnotl %edx"));
    guest_begin();
    V32(RFLAGS) = 0x3CD7;
    guest_show = SHOW_EAX;
    guest_run("flags", GUEST("pushfl\npopl %eax"));
    value("rflags", V32(RFLAGS));
    guest_begin();
    guest_run("popf with RF", GUEST("pushl $0x10202\npopfl"));
    value("rflags", V32(RFLAGS));
    guest_begin();
    guest_run("popfw with RF set before", GUEST("pushl $0x10002\npushl %cs\npushl $1f\niret\n1: pushw $0x202\npopfw"));
    value("rflags", V32(RFLAGS));
    guest_begin();
    guest_run("iret with RF", GUEST("pushl $0x10002\npushl %cs\npushl $1f\niret\n1:"));
    value("rflags", V32(RFLAGS));
    guest_begin();
    V32(CR2) = 0x12345678;
    V32(CR4) = 0x10;
    guest_show = SHOW_EAX | SHOW_EBX;
    guest_run("cr2 and cr4", GUEST("movl %cr2, %eax\nmovl %cr4, %ebx\nnotl %eax\nmovl %eax, %cr2\nmovl $0x90, %ebx\nmovl %ebx, %cr4"));
    value("cr2", V32(CR2));
    guest_begin();
    segments("as it was");
    guest_run("segments untouched", GUEST("nop"));
    segments("afterwards");
    set_segment(SEL_TEST(0), 0x12000, 0x34567, ACC(0, T_DATA_RW), FL_B);
    set_segment(SEL_TEST(1), 0x23000, 0x45, ACC(0, T_LDT), 0);
    set_segment(SEL_TEST(2), 0x34000, 0x67, ACC(0, T_TSS32), 0);
    guest_begin();
    guest_run("segments loaded", GUEST("movl $0x58, %eax\nmovl %eax, %es\nmovl %eax, %fs\nmovl %eax, %gs\nmovl $0x60, %eax\nlldt %ax\nmovl $0x68, %eax\nltr %ax"));
    segments("afterwards");
    guest_begin();
    *(u16 *)(vmcb + VMCB_DS_SELECTOR) = 0x1234; /* no such descriptor: the hidden part counts */
    *(u32 *)(vmcb + VMCB_DS_BASE) = 0x1000;
    guest_show = SHOW_EAX | SHOW_EBX;
    *(volatile u32 *)0x13004 = 0xFEEDFACE;
    guest_run("hidden part without a descriptor", GUEST("movl 0x12004, %eax\nmovl %ds, %ebx"));
    guest_begin();
    V32(IDTR_LIMIT) = 0x345;
    V32(GDTR_BASE) = 0x76543210;
    guest_show = SHOW_EAX | SHOW_EBX;
    guest_run("tables", GUEST("subl $16, %esp\nsgdt 2(%esp)\nmovl 4(%esp), %eax\nsidt 2(%esp)\nmovzwl 2(%esp), %ebx\naddl $16, %esp"));
    put("vmload and vmsave\n");
    __asm__ volatile("vmsave" : : "a"(vmcb) : "memory");
    segments("of the host");
    V32(SYSENTER_CS) = 0x123;
    V32(SYSENTER_ESP) = 0x456;
    V32(SYSENTER_EIP) = 0x789;
    *(u16 *)(vmcb + VMCB_FS_SELECTOR) = 0x10;
    *(u32 *)(vmcb + VMCB_FS_BASE) = 0x4000;
    *(u32 *)(vmcb + VMCB_FS_LIMIT) = 0xFFFFFFFF;
    *(u16 *)(vmcb + VMCB_FS_ATTRIB) = 0xC93;
    __asm__ volatile("vmload" : : "a"(vmcb) : "memory");
    *(volatile u32 *)0x4100 = 0x0DDBA11;
    __asm__ volatile("movl %%fs:0x100, %0" : "=r"(fs));
    value("through fs", fs);
    show = SHOW_EAX;
    run("sysenter_cs", SNIPPET("rdmsr"), 0, 0, MSR_SYSENTER_CS, 0, 0);
    run("sysenter_esp", SNIPPET("rdmsr"), 0, 0, MSR_SYSENTER_ESP, 0, 0);
    run("sysenter_eip", SNIPPET("rdmsr"), 0, 0, MSR_SYSENTER_EIP, 0, 0);
    __asm__ volatile("vmload" : : "a"(host_vmcb) : "memory");
    put("the host afterwards\n");
    identity_map();
    write_cr3((u32)page_directory);
    write_cr4(0x10);
    write_cr0(0x80010011);
    guest_begin();
    guest_run("a guest without paging", GUEST("movl $0x31, %eax\nmovl %eax, %cr0\nmovl $0x5000, %eax\nmovl %eax, %cr3\nmovl $0x123, %esp\nxorl %eax, %eax\nmovl %eax, %es\nlidt nothing"));
    cr0 = read_cr0();
    cr3 = read_cr3();
    cr4 = read_cr4();
    __asm__ volatile("str %0" : "=r"(tr));
    value("cr0", cr0);
    value("cr3 the same", cr3 == (u32)page_directory);
    value("cr4", cr4);
    value("tr", tr & 0xFFFF);
    show = 0;
    run("the host's IDT", SNIPPET("ud2"), 0, 0, 0, 0, 0);
    run("the host's page tables", SNIPPET("movl 0x80000000, %eax"), 0, 0, 0, 0, 0);
    write_cr0(0x11);
    write_cr4(0);
    put("tsc offset\n");
    guest_begin();
    V32H(TSC_OFFSET) = 0x1000;
    guest_run("rdtsc", GUEST("rdtsc\nmovl %edx, %ebx"));
    value("high half at least", guest.ebx >= 0x1000 && guest.ebx < 0x1010);
    put("end\n");
    return 0;
}

__asm__(".data\n.globl nothing\nnothing: .word 0\n.long 0\n.text");
