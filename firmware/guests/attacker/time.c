/* Taking all the time there is, for as long as "spin=N" says. */
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
