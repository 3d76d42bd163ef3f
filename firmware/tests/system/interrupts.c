/* Interrupts of the 8254 through the 8259s: vectors, masks, end of interrupt, HLT, and the shadow of STI and MOV SS. */
#include "rt.h"

static volatile u32 ticks, last_vector, at_eip, spin;

static u32 irq(struct frame *f)
{
    if (f->vector < 0x20 || f->vector >= 0x30)
        return 0;
    ticks++;
    last_vector = f->vector;
    at_eip = f->eip;
    if (f->vector >= 0x28)
        outb(PORT_PIC_SLAVE, 0x20);
    outb(PORT_PIC_MASTER, 0x20);
    return 1;
}

static void pic(u8 master, u8 mask)
{
    outb(PORT_PIC_MASTER, 0x11);
    outb(PORT_PIC_MASTER + 1, master);
    outb(PORT_PIC_MASTER + 1, 4);
    outb(PORT_PIC_MASTER + 1, 1);
    outb(PORT_PIC_SLAVE, 0x11);
    outb(PORT_PIC_SLAVE + 1, master + 8);
    outb(PORT_PIC_SLAVE + 1, 2);
    outb(PORT_PIC_SLAVE + 1, 1);
    outb(PORT_PIC_MASTER + 1, mask);
    outb(PORT_PIC_SLAVE + 1, 0xFF);
}

static void one_shot(u32 count)
{
    outb(PORT_PIT + 3, 0x30); /* counter 0, both bytes, mode 0 */
    outb(PORT_PIT, (u8)count);
    outb(PORT_PIT, (u8)(count >> 8));
}

static void wait_pending(void) /* until the master has a request */
{
    outb(PORT_PIC_MASTER, 0x0A);
    while (!(inb(PORT_PIC_MASTER) & 1))
        ;
}

static void shadow(const char *name, const void *code)
{
    ticks = 0;
    one_shot(10);
    wait_pending();
    attempt(code, 0, 0, 0, 0, 0);
    put(name);
    put_field(" ticks", ticks);
    put_field("at", at_eip - (u32)code);
    put_field("eax", outcome.eax);
    newline();
}

int main(void)
{
    u32 n;
    put("interrupts\n");
    trap_hook = irq;
    pic(0x20, 0xFE);
    outb(PORT_PIC_MASTER, 0x0B);
    value("mask reads back", inb(PORT_PIC_MASTER + 1));
    one_shot(100);
    wait_pending();
    value("pending while IF is 0", ticks);
    __asm__ volatile("sti; nop; nop; cli");
    value("taken", ticks);
    value("vector", last_vector);
    outb(PORT_PIC_MASTER, 0x0B);
    value("in service afterwards", inb(PORT_PIC_MASTER));
    one_shot(1000);
    __asm__ volatile("sti; hlt; cli");
    value("woken from hlt", ticks);
    pic(0x28, 0xFE);
    one_shot(100);
    __asm__ volatile("sti; hlt; cli");
    value("with another base, vector", last_vector);
    pic(0x20, 0xFF);
    ticks = 0;
    one_shot(10);
    wait_pending();
    __asm__ volatile("sti; nop; nop; cli");
    value("masked", ticks);
    outb(PORT_PIC_MASTER + 1, 0xFE);
    __asm__ volatile("sti; nop; nop; cli");
    value("unmasked", ticks);
    put("shadow\n");
    shadow("sti", SNIPPET("sti\nincl %eax\nincl %eax\ncli"));
    shadow("sti cli", SNIPPET("sti\ncli\nincl %eax"));
    ticks = 0;
    __asm__ volatile("sti; nop; nop; cli");
    value("it was still pending", ticks);
    shadow("sti sti", SNIPPET("sti\nsti\nincl %eax\nincl %eax\ncli"));
    shadow("sti, mov ss twice", SNIPPET("movl %ss, %edx\nsti\nmovl %edx, %ss\nmovl %edx, %ss\nincl %eax\nincl %eax\ncli"));
    shadow("sti, a run of pop ss", SNIPPET("pushl %ss\npushl %ss\npushl %ss\nsti\npopl %ss\npopl %ss\npopl %ss\nincl %eax\ncli"));
    shadow("popf", SNIPPET("pushl $0x202\npopfl\nincl %eax\nincl %eax\ncli"));
    shadow("sti iret", SNIPPET("pushl $0x202\npushl %cs\npushl $1f\nsti\niret\n1: incl %eax\nincl %eax\ncli"));
    shadow("mov ss, a run of iret", SNIPPET("pushl $0x202\npushl %cs\npushl $2f\npushl $0x202\npushl %cs\npushl $1f\nmovl %ss, %edx\nsti\nmovl %edx, %ss\n"
                                             "iret\n1: iret\n2: incl %eax\nincl %eax\ncli"));
    shadow("sti, loop of one", SNIPPET("movl $1, %ecx\nsti\nloop .\nincl %eax\ncli"));
    put("stream of interrupts\n");
    ticks = 0;
    outb(PORT_PIT + 3, 0x34); /* rate generator */
    outb(PORT_PIT, 0xE8);
    outb(PORT_PIT, 3);
    __asm__ volatile("sti");
    while (ticks < 5)
        spin++;
    __asm__ volatile("cli");
    value("at least five", ticks >= 5);
    ticks = 0;
    __asm__ volatile("sti");
    for (n = 0; n < 3; n++)
        __asm__ volatile("hlt");
    __asm__ volatile("cli");
    value("three halts", ticks);
    outb(PORT_PIC_MASTER + 1, 0xFF);
    put("in ring 3\n");
    outb(PORT_PIC_MASTER + 1, 0xFE);
    ticks = 0;
    snippet_flags = 0x202;
    show = SHOW_EAX;
    run("ring 3 is interrupted", SNIPPET("1: movl ticks_view, %ecx\ncmpl $0, (%ecx)\nje 1b\nmovl $1, %eax"), 3, 0, 0, 0, 0);
    outb(PORT_PIC_MASTER + 1, 0xFF);
    put("end\n");
    return 0;
}

volatile u32 *const ticks_view = &ticks;
