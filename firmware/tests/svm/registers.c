/* Control and debug register intercepts, LMSW, SMSW, CLTS, the selective CR0 write. */
#include "svm.h"

static void cr(const char *name, u32 read, u32 write, u32 selective, u32 cr0, const void *code)
{
    u32 on;
    for (on = 0; on < 2; on++) {
        guest_begin();
        V32(CR0) = cr0;
        if (on) {
            V16(INTERCEPT_CR_READ) = (u16)read;
            V16(INTERCEPT_CR_WRITE) = (u16)write;
            V32(INTERCEPT_GENERAL1) |= selective ? INTERCEPT1_CR0_SEL_WRITE : 0;
        }
        put(on ? "+ " : "- ");
        guest_show = SHOW_EAX;
        guest_run(name, code);
    }
}

int main(void)
{
    const void *to0 = GUEST("movl %eax, %cr0");
    u32 n;
    put("registers\n");
    svm_on();
    cr("read cr0", 1, 0, 0, 0x11, GUEST("movl %cr0, %eax"));
    cr("read cr0 to ebx", 1, 0, 0, 0x11, GUEST("movl %cr0, %ebx"));
    cr("read cr2", 4, 0, 0, 0x11, GUEST("movl %cr2, %eax"));
    cr("read cr3", 8, 0, 0, 0x11, GUEST("movl %cr3, %ecx"));
    cr("read cr4", 16, 0, 0, 0x11, GUEST("movl %cr4, %eax"));
    cr("write cr0", 0, 1, 0, 0x11, GUEST("movl $0x11, %eax\nmovl %eax, %cr0"));
    cr("write cr2", 0, 4, 0, 0x11, GUEST("movl $0x1234, %eax\nmovl %eax, %cr2"));
    cr("write cr3", 0, 8, 0, 0x11, GUEST("movl $0x1000, %ecx\nmovl %ecx, %cr3"));
    cr("write cr4", 0, 16, 0, 0x11, GUEST("movl $0x10, %eax\nmovl %eax, %cr4"));
    cr("another register's bit", 0xFFFE, 0xFFFE, 0, 0x11, GUEST("movl %cr0, %eax\nmovl %eax, %cr0"));
    cr("lmsw", 0, 1, 0, 0x11, GUEST("movl $1, %eax\nlmsw %ax"));
    cr("smsw", 1, 0, 0, 0x11, GUEST("smsw %ax"));
    cr("smsw to memory", 1, 0, 0, 0x11, GUEST("smsw (%esp)"));
    cr("clts", 0, 1, 0, 0x19, GUEST("clts"));
    put("selective\n");
    for (n = 0; n < 32; n++)
        if (0x6005003Eu >> n & 1) {
            guest_begin();
            V32(INTERCEPT_GENERAL1) |= INTERCEPT1_CR0_SEL_WRITE;
            V32(RAX) = 0x11 ^ (1u << n) ^ (n == 29 ? 1u << 30 : 0);
            if (n == 4)
                continue;
            put_number(n);
            guest_run("", to0);
        }
    cr("nothing changes", 0, 0, 1, 0x11, GUEST("movl $0x11, %eax\nmovl %eax, %cr0"));
    cr("TS changes", 0, 0, 1, 0x11, GUEST("movl $0x19, %eax\nmovl %eax, %cr0"));
    cr("clts does not count", 0, 0, 1, 0x19, GUEST("clts"));
    cr("both: the plain one", 0, 1, 1, 0x11, GUEST("movl $0x15, %eax\nmovl %eax, %cr0"));
    cr("lmsw that changes EM", 0, 0, 1, 0x11, GUEST("movl $5, %eax\nlmsw %ax"));
    cr("lmsw that changes nothing", 0, 0, 1, 0x11, GUEST("movl $1, %eax\nlmsw %ax"));
    cr("lmsw that changes TS", 0, 0, 1, 0x11, GUEST("movl $9, %eax\nlmsw %ax"));
    put("ring 3\n");
    guest_begin();
    guest_ring(3);
    V16(INTERCEPT_CR_READ) = 0xFFFF;
    V16(INTERCEPT_CR_WRITE) = 0xFFFF;
    guest_run("mov from cr0: #GP first", GUEST("movl %cr0, %eax"));
    guest_begin();
    guest_ring(3);
    V16(INTERCEPT_CR_WRITE) = 0xFFFF;
    guest_run("mov to cr3: #GP first", GUEST("movl %eax, %cr3"));
    guest_begin();
    guest_ring(3);
    V16(INTERCEPT_CR_WRITE) = 0xFFFF;
    guest_run("clts: #GP first", GUEST("clts"));
    guest_begin();
    guest_ring(3);
    V16(INTERCEPT_CR_READ) = 0xFFFF;
    guest_run("smsw", GUEST("smsw %ax"));
    guest_begin();
    V16(INTERCEPT_CR_READ) = 0xFFFF;
    V32(INTERCEPT_EXCEPTIONS) = 1 << 6;
    guest_run("cr1: #UD first", GUEST(".byte 0x0f, 0x20, 0xc8"));
    put("end\n");
    return 0;
}
