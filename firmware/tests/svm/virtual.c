/* Virtual interrupts, V_INTR_MASKING, physical interrupts and GIF. */
#include "svm.h"

static volatile u32 host_interrupts, host_vector;

static u32 irq(struct frame *f)
{
    if (f->vector < 0x20 || f->vector >= 0x30)
        return 0;
    host_interrupts++;
    host_vector = f->vector;
    outb(PORT_PIC_MASTER, 0x20);
    return 1;
}

static void pic(u8 mask)
{
    outb(PORT_PIC_MASTER, 0x11);
    outb(PORT_PIC_MASTER + 1, 0x20);
    outb(PORT_PIC_MASTER + 1, 4);
    outb(PORT_PIC_MASTER + 1, 1);
    outb(PORT_PIC_SLAVE, 0x11);
    outb(PORT_PIC_SLAVE + 1, 0x28);
    outb(PORT_PIC_SLAVE + 1, 2);
    outb(PORT_PIC_SLAVE + 1, 1);
    outb(PORT_PIC_MASTER + 1, mask);
    outb(PORT_PIC_SLAVE + 1, 0xFF);
}

static void pending(void)
{
    outb(PORT_PIT + 3, 0x30);
    outb(PORT_PIT, 50);
    outb(PORT_PIT, 0);
    outb(PORT_PIC_MASTER, 0x0A);
    while (!(inb(PORT_PIC_MASTER) & 1))
        ;
}

static void virq(const char *name, u32 control, u32 vector, u32 flags, u32 intercept, const void *code)
{
    guest_begin();
    V32(INT_CONTROL) = INT_CONTROL_V_IRQ | control;
    V8(INT_VECTOR) = (u8)vector;
    V32(RFLAGS) = flags;
    V32(INTERCEPT_GENERAL1) |= intercept;
    guest_run(name, code);
}

/* A timer that would wake it later, so that the run goes on where the virtual interrupt does not. */
static void wakes_hlt(const char *name, u32 control, u32 vector, const void *code)
{
    pic(0xFE);
    __asm__ volatile("clgi; sti");
    outb(PORT_PIT + 3, 0x30);
    outb(PORT_PIT, 0xFF);
    outb(PORT_PIT, 0xFF);
    virq(name, control, vector, 2, INTERCEPT1_INTR, code);
    __asm__ volatile("cli");
    pic(0xFF);
}

#define MASK INT_CONTROL_V_INTR_MASKING
#define PRIO(n) ((u32)(n) << 16)

int main(void)
{
    const void *nop = GUEST("incl %eax\nincl %eax"), *sti = GUEST("incl %eax\nsti\nincl %eax\nincl %eax\nincl %eax");
    const void *popf = GUEST("pushl $0x202\npopfl\nincl %eax"), *hlt = GUEST("sti\nhlt\nincl %eax");
    put("virtual\n");
    svm_on();
    trap_hook = irq;
    pic(0xFF);
    put("virtual interrupts\n");
    virq("taken at once", MASK | PRIO(15) | INT_CONTROL_V_IGN_TPR, 0x70, 0x202, 0, nop);
    virq("IF is 0: held", MASK | PRIO(15) | INT_CONTROL_V_IGN_TPR, 0x70, 2, 0, nop);
    virq("after STI, one instruction later", MASK | PRIO(15) | INT_CONTROL_V_IGN_TPR, 0x71, 2, 0, sti);
    virq("after POPF", MASK | PRIO(15) | INT_CONTROL_V_IGN_TPR, 0x71, 2, 0, popf);
    wakes_hlt("wakes HLT", MASK | PRIO(15) | INT_CONTROL_V_IGN_TPR, 0x72, hlt);
    virq("priority above TPR", MASK | PRIO(5) | 4, 0x73, 0x202, 0, nop);
    virq("priority equal to TPR", MASK | PRIO(5) | 5, 0x73, 0x202, 0, nop);
    virq("priority below TPR", MASK | PRIO(5) | 6, 0x73, 0x202, 0, nop);
    virq("after STI, priority above TPR", MASK | PRIO(5) | 4, 0x73, 2, 0, sti);
    virq("after STI, priority equal to TPR", MASK | PRIO(5) | 5, 0x73, 2, 0, sti);
    virq("TPR ignored", MASK | PRIO(5) | 6 | INT_CONTROL_V_IGN_TPR, 0x73, 0x202, 0, nop);
    put("VINTR intercepted\n");
    virq("at once", MASK | PRIO(15) | INT_CONTROL_V_IGN_TPR, 0x70, 0x202, INTERCEPT1_VINTR, nop);
    virq("IF is 0", MASK | PRIO(15) | INT_CONTROL_V_IGN_TPR, 0x70, 2, INTERCEPT1_VINTR, nop);
    virq("after STI", MASK | PRIO(15) | INT_CONTROL_V_IGN_TPR, 0x70, 2, INTERCEPT1_VINTR, sti);
    virq("after POPF", MASK | PRIO(15) | INT_CONTROL_V_IGN_TPR, 0x70, 2, INTERCEPT1_VINTR, popf);
    virq("without masking too", PRIO(15) | INT_CONTROL_V_IGN_TPR, 0x70, 2, INTERCEPT1_VINTR, sti);
    put("physical interrupts\n");
    pic(0xFE);
    __asm__ volatile("clgi; sti");
    pending();
    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_INTR;
    V32(INT_CONTROL) = MASK;
    guest_run("masking, host IF 1, intercepted", nop);
    value("host interrupts while GIF is 0", host_interrupts);
    __asm__ volatile("stgi; nop; clgi");
    value("after STGI", host_interrupts);
    value("vector", host_vector);
    pending();
    __asm__ volatile("cli");
    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_INTR;
    V32(INT_CONTROL) = MASK;
    V32(RFLAGS) = 0x202;
    guest_run("masking, host IF 0, guest IF 1: held", nop);
    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_INTR;
    V32(RFLAGS) = 0x202;
    guest_run("no masking, guest IF 1, intercepted", nop);
    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_INTR;
    guest_run("no masking, guest IF 0", nop);
    guest_begin();
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_INTR;
    guest_run("no masking, guest sets IF", sti);
    guest_begin();
    V32(RFLAGS) = 0x202;
    guest_run("no masking, guest IF 1, not intercepted: the guest takes it", nop);
    __asm__ volatile("stgi; sti; nop; nop; cli; clgi");
    outb(PORT_PIC_MASTER, 0x20);
    value("host interrupts", host_interrupts);
    pending();
    guest_begin();
    V32(INT_CONTROL) = MASK | INT_CONTROL_V_IRQ | PRIO(15) | INT_CONTROL_V_IGN_TPR;
    V8(INT_VECTOR) = 0x77;
    V32(RFLAGS) = 0x202;
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_INTR;
    __asm__ volatile("sti");
    guest_run("physical before virtual", nop);
    put("gif\n");
    __asm__ volatile("nop; nop; nop");
    value("held by GIF although IF is 1", host_interrupts);
    __asm__ volatile("stgi; nop; nop");
    value("taken", host_interrupts);
    __asm__ volatile("clgi");
    pending();
    __asm__ volatile("cli; stgi; nop; nop");
    value("GIF 1, IF 0: held", host_interrupts);
    __asm__ volatile("sti; nop; nop; cli");
    value("GIF 1, IF 1: taken", host_interrupts);
    pic(0xFF);
    put("end\n");
    return 0;
}
