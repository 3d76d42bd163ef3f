/* Control registers and their reserved bits, LMSW, SMSW, CLTS, #NM, CPUID, MSRs and the time-stamp counter. */
#include "rt.h"

int main(void)
{
    u32 n, first, second;
    put("control\n");
    show = SHOW_EAX;
    TEST("cr0", 0, 0, "movl %cr0, %eax");
    TEST("lmsw sets MP, EM, TS", 0x0E, 0, "lmsw %ax\nmovl %cr0, %eax");
    TEST("lmsw clears them, not PE", 0, 0, "lmsw %ax\nmovl %cr0, %eax");
    TEST("clts", 0x08, 0, "lmsw %ax\nclts\nmovl %cr0, %eax");
    TEST("smsw 32 bits", 0, 0, "smsw %eax");
    TEST("NW and CD", 0x60000011, 0, "movl %eax, %cr0\nmovl %cr0, %eax\nmovl $0x11, %ecx\nmovl %ecx, %cr0");
    TEST("ET stays", 0x00000001, 0, "movl %eax, %cr0\nmovl %cr0, %eax");
    TEST("WP and AM", 0x00050011, 0, "movl %eax, %cr0\nmovl %cr0, %eax\nmovl $0x11, %ecx\nmovl %ecx, %cr0");
    TEST("cr2 keeps 32 bits", 0xDEADBEEF, 0, "movl %eax, %cr2\nmovl %cr2, %eax");
    TEST("cr4 PSE and PGE", 0x90, 0, "movl %eax, %cr4\nmovl %cr4, %eax\nxorl %ecx, %ecx\nmovl %ecx, %cr4");
    TEST("cr1", 0, 0, ".byte 0x0f, 0x20, 0xc8");
    TEST("cr5", 0, 0, ".byte 0x0f, 0x20, 0xe8");
    TEST("cr7 write", 0, 0, ".byte 0x0f, 0x22, 0xf8");
    TEST("mov from cr0 with mod 0 means a register", 0, 0, ".byte 0x0f, 0x20, 0x00");
    put("fpu\n");
    show = 0;
    TEST("fninit with EM", 0, 0, "movl $0x15, %eax\nmovl %eax, %cr0\nfninit");
    write_cr0(0x11);
    TEST("wait with TS alone", 0, 0, "movl $0x19, %eax\nmovl %eax, %cr0\nfwait");
    write_cr0(0x11);
    TEST("wait with TS and MP", 0, 0, "movl $0x1b, %eax\nmovl %eax, %cr0\nfwait");
    write_cr0(0x11);
    TEST("esc with EM, memory operand", 0, 0, "movl $0x15, %eax\nmovl %eax, %cr0\nflds 0x12345678");
    write_cr0(0x11);
    put("cpuid\n");
    show = SHOW_EBX | SHOW_EDX | SHOW_ECX;
    show = SHOW_EAX;
    TEST("cpuid bit of EFLAGS can be changed", 0, 0, "pushfl\npopl %eax\nxorl $0x200000, %eax\npushl %eax\npopfl\npushfl\npopl %ecx\nxorl %ecx, %eax\nandl $0x200000, %eax");
    TEST("highest leaf is 1 at least", 0, 0, "cpuid\ncmpl $1, %eax\nsetae %al\nmovzbl %al, %eax");
    TEST("leaf 1: TSC, MSR, CX8, PSE, PGE", 1, 0, "cpuid\nmovl %edx, %eax\nandl $0x2138, %eax");
    TEST("extended leaf: SVM", 0x80000001, 0, "cpuid\nmovl %ecx, %eax\nandl $4, %eax");
    TEST("highest extended leaf", 0x80000000, 0, "cpuid\ncmpl $0x8000000a, %eax\nsetae %al\nmovzbl %al, %eax");
    put("msr\n");
    show = SHOW_EAX | SHOW_EDX;
    TEST("efer", 0, MSR_EFER, "xorl %edx, %edx\nrdmsr");
    TEST("efer svme", EFER_SVME, MSR_EFER, "xorl %edx, %edx\nwrmsr\nrdmsr\npushl %eax\nxorl %eax, %eax\nwrmsr\npopl %eax");
    TEST("sysenter_cs", 0x12345678, MSR_SYSENTER_CS, "xorl %edx, %edx\nwrmsr\nxorl %eax, %eax\nrdmsr\nandl $0xFFFF, %eax");
    TEST("sysenter_esp", 0x12345678, MSR_SYSENTER_ESP, "xorl %edx, %edx\nwrmsr\nxorl %eax, %eax\nrdmsr");
    TEST("sysenter_eip", 0x12345678, MSR_SYSENTER_EIP, "xorl %edx, %edx\nwrmsr\nxorl %eax, %eax\nrdmsr");
    TEST("vm_hsave_pa", 0x00123000, MSR_VM_HSAVE_PA, "xorl %edx, %edx\nwrmsr\nxorl %eax, %eax\nrdmsr");
    TEST("an msr that is not there", 0, 0x12345, "xorl %eax, %eax\nxorl %edx, %edx\nrdmsr");
    TEST("writing one that is not there", 0, 0x12345, "xorl %eax, %eax\nxorl %edx, %edx\nwrmsr");
    put("tsc\n");
    __asm__ volatile("rdtsc" : "=a"(first) : : "edx");
    for (n = 0; n < 20; n++)
        __asm__ volatile("nop");
    __asm__ volatile("rdtsc" : "=a"(second) : : "edx");
    value("later", second - first > 10 && second - first < 0x100000);
    put("end\n");
    return 0;
}
