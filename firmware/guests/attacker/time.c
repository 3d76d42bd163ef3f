/* Taking all the time there is, most of them for as long as "spin=N" says. */
#include "guests/attacker/attacker.h"

#define VECTOR_INVALID_OPCODE 6
#define UD2_SIZE 2

static u32 left;

void starve_cli(u32 target)
{
    (void)target;
    interrupts_off();
    spin();
}

static int repeat(struct frame *frame)
{
    if (frame->vector != VECTOR_INVALID_OPCODE)
        return 0;
    if (!--left)
        frame->eip += UD2_SIZE;
    return 1;
}

void starve_faults(u32 target)
{
    (void)target;
    left = spin_count() / 16 + 1; /* a fault costs about that many instructions */
    set_exception_hook(repeat);
    asm volatile("ud2");
}

void starve_exits(u32 target)
{
    (void)target;
    for (u32 n = spin_count() / 16 + 1; n; n--)
        cpuid(0);
}

/*
 * Each load of SS holds interrupts off until the next instruction is done, and the next instruction is such a load. The last one is followed
 * by the end of the attempt, so that nobody gets a turn between them.
 */
asm(".text\n.globl loads, loads_end\n"
    "loads: .rept 3200\nmovl %edx, %ss\n.endr\n"
    "movl %ecx, (%ebx)\n"
    "loads_end: ret\n");
extern const volatile char loads[], loads_end[];

void starve_shadow(u32 target)
{
    u32 ss;
    (void)target;
    for (const volatile char *page = loads; page < loads_end; page += 4096) /* so that no page fault comes between them */
        (void)*page;
    (void)*loads_end;
    asm volatile("movl %%ss, %0; call loads" : "=&d"(ss) : "b"(&record->stage), "c"(STAGE_ATTEMPTED) : "memory");
}
