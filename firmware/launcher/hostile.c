/*
 * What a BIOS or a system may do before it launches, and while: the steps of a script that lies in memory at `script=`
 * (firmware/launcher/steps.py). It has ring 0 and everything that ring 0 reaches. A launch says L on port E9h, an imitated one J.
 */
#include "launcher_steps.h"
#include "lib/cpu.h"
#include "lib/platform.h"

#define TRIES 10000 /* looks at a register */

struct step {
    u32 what, a, b;
};

struct table {
    u16 limit;
    u32 base;
} __attribute__((packed));

static u32 flags; /* of whoever launches */

static void say(u32 letter) { out8(PORT_DEBUG_CONSOLE, (u8)letter); }

static void load_idt(u32 base, u32 limit)
{
    struct table idt = {(u16)limit, base};
    asm volatile("lidt %0" : : "m"(idt));
}

static void poll(u32 address, u32 mask)
{
    for (u32 n = 0; n < TRIES && !(*(volatile u8 *)address & mask); n++)
        ;
}

/* STI and POPF let one instruction pass before an interrupt or a trap comes: it is the launch. */
static void launch(u32 block)
{
    say('L');
    if (flags & EFLAGS_IF)
        asm volatile("sti; skinit" : : "a"(block) : "memory");
    asm volatile("pushl %1; popfl; skinit" : : "a"(block), "r"(EFLAGS_FIXED | flags) : "memory");
}

/* With the registers of SKINIT, and nothing else of it. */
static void imitate(u32 block, u32 told)
{
    say('J');
    asm volatile("movzwl (%1), %%ecx; addl %1, %%ecx; leal 0x10000(%0), %%esp; pushl %2; popfl; jmp *%%ecx"
                 : : "a"(told), "b"(block), "d"(EFLAGS_FIXED | flags) : "ecx", "memory");
}

static void spin(u32 times)
{
    while (times--)
        asm volatile("");
}

int main(void)
{
    for (const struct step *s = (const struct step *)parameter("script", 0);; s++)
        switch (s->what) {
        case DO_END:
            return 0;
        case DO_WRITE_32:
            *(volatile u32 *)s->a = s->b;
            break;
        case DO_WRITE_8:
            *(volatile u8 *)s->a = (u8)s->b;
            break;
        case DO_COPY_32:
            *(volatile u32 *)s->b = *(volatile u32 *)s->a;
            break;
        case DO_OUTPUT:
            out8((u16)s->a, (u8)s->b);
            break;
        case DO_SPIN:
            spin(s->a);
            break;
        case DO_POLL:
            poll(s->a, s->b);
            break;
        case DO_CALL:
            ((void (*)(void))s->a)();
            break;
        case DO_SAY:
            say(s->a);
            break;
        case DO_FLAGS:
            flags = s->a;
            break;
        case DO_LOAD_IDT:
            load_idt(s->a, s->b);
            break;
        case DO_PAGING:
            WRITE_CR(4, CR4_PSE | CR4_PGE);
            WRITE_CR(3, s->a);
            WRITE_CR(0, READ_CR(0) | CR0_PG);
            break;
        case DO_HOLD_INIT:
            write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SVME);
            asm volatile("clgi");
            break;
        case DO_SET_CR0:
            WRITE_CR(0, READ_CR(0) | s->a);
            break;
        case DO_LAUNCH:
            launch(s->a);
            break;
        case DO_IMITATE:
            imitate(s->a, s->b);
            break;
        }
}
