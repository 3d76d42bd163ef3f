/* Debug registers and ring -1: their intercepts, what VMRUN and #VMEXIT switch. (QEMU looks for no breakpoints of a VMCB's DR7:
 * manual_svm/debug.c does.)
 */
#include "svm.h"

#define CR4_DE 8
#define DR6_NOTHING 0xFFFF0FF0
#define DR7_NOTHING 0x400
#define DR7_GD 0x2000

static void set_dr(u32 a, u32 b) { __asm__ volatile("movl %0, %%db0\nmovl %1, %%db1" : : "r"(a), "r"(b)); }
static u32 get_dr0(void) { u32 v; __asm__ volatile("movl %%db0, %0" : "=r"(v)); return v; }

static void access(const char *name, u32 reads, u32 writes, const void *code)
{
    guest_begin();
    V16(INTERCEPT_DR_READ) = (u16)reads;
    V16(INTERCEPT_DR_WRITE) = (u16)writes;
    guest_run(name, code);
}

#define READ(n) \
    access("- read dr" #n, (u16) ~(1 << n), 0xFFFF, GUEST("movl %db" #n ", %eax")); \
    access("+ read dr" #n, 1 << n, 0, GUEST("movl %db" #n ", %eax"))
#define WRITTEN(n) \
    access("- write dr" #n, 0xFFFF, (u16) ~(1 << n), GUEST("movl %eax, %db" #n)); \
    access("+ write dr" #n, 0, 1 << n, GUEST("movl %eax, %db" #n))

static void intercepts(void)
{
    put("intercepts\n");
    READ(0);
    READ(1);
    READ(2);
    READ(3);
    READ(4);
    READ(5);
    READ(6);
    READ(7);
    WRITTEN(0);
    WRITTEN(1);
    WRITTEN(2);
    WRITTEN(3);
    WRITTEN(4);
    WRITTEN(5);
    WRITTEN(6);
    WRITTEN(7);
    guest_begin();
    V16(INTERCEPT_DR_READ) = V16(INTERCEPT_DR_WRITE) = 0xFFFF;
    V32(CR4) = CR4_DE;
    guest_run("DE: #UD first", GUEST("movl %db4, %eax"));
    guest_begin();
    guest_ring(3);
    V16(INTERCEPT_DR_READ) = V16(INTERCEPT_DR_WRITE) = 0xFFFF;
    guest_run("ring 3: #GP first", GUEST("movl %eax, %db7"));
    guest_begin();
    V16(INTERCEPT_DR_READ) = V16(INTERCEPT_DR_WRITE) = 0xFFFF;
    V32(DR7) = DR7_NOTHING | DR7_GD;
    guest_run("GD: #DB first", GUEST("movl %eax, %db0"));
}

static void kept(const char *name, const void *code, u32 dr7)
{
    V32(DR7) = dr7;
    guest_run(name, code);
    put("  ");
    put_field("dr6", V32(DR6));
    put_field("dr7", V32(DR7));
    newline();
}

static void switched(void)
{
    put("switched\n");
    set_dr(0x1234, 0x5678);
    guest_begin();
    guest_show = SHOW_EAX | SHOW_EBX;
    guest_run("DR0 and DR1 are the host's", GUEST("movl %db0, %eax\nmovl %db1, %ebx"));
    guest_begin();
    guest_run("the guest's DR0", GUEST("movl $0x9ABC, %eax\nmovl %eax, %db0"));
    value("stays", get_dr0());
    guest_begin();
    V32(DR6) = DR6_NOTHING | 0xE;
    guest_show = SHOW_EAX | SHOW_EBX;
    kept("DR6 and DR7 are the VMCB's", GUEST("movl %db6, %eax\nmovl %db7, %ebx"), 0x33330400);
    guest_begin();
    kept("and go back there", GUEST("movl $0x55550700, %eax\nmovl %eax, %db7\nmovl $0xFFFF4FF1, %eax\nmovl %eax, %db6"), DR7_NOTHING);
}

int main(void)
{
    put("debug\n");
    svm_on();
    intercepts();
    switched();
    put("end\n");
    return 0;
}
