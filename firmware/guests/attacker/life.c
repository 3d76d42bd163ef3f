/*
 * What guest 1 does besides attacking: its timer ticks, and processes in ring 3 run and count. The host reads the counts in memory.
 * The processes lie in the kernel's own directory, in a page that ring 3 may write: a directory for each is three exits a tick.
 */
#include "guests/attacker/attacker.h"
#include "guests/kernel/process.h"
#include "lib/pic.h"

#define LIVING LIFE_PROCESSES
#define TICK 3800 /* of the timer's periods: 80,000 cycles, two time slices of the demonstration's kernel */
#define PATIENCE 4000 /* rounds of waiting: 24 cycles each on the simulated machine, together more than a tick */
#define KERNEL_STACK 512

/* What the processes write. */
struct memory {
    u32 count, stack[LIFE_STRIDE / 4 - 1];
};
struct memory living[LIVING] ALIGNED(4096);
_Static_assert(sizeof living <= PAGE_SIZE, "all in one page");
static u8 kernel_stacks[LIVING][KERNEL_STACK] ALIGNED(16);
static int disturbed;
static struct progress {
    u32 ticks, counts[LIVING];
} since;

/* Ring 3: counts, below its stack, and gives up the processor. */
__attribute__((section(".user.text"), noinline)) static void user_count(u32 nothing)
{
    (void)nothing;
    struct memory *own = (struct memory *)((u32)__builtin_frame_address(0) & -LIFE_STRIDE);
    u32 result;
    for (;;) {
        own->count++;
        asm volatile("int %1" : "=a"(result) : "i"(VECTOR_SYSTEM_CALL), "a"(CALL_YIELD) : "memory");
    }
}

static struct progress progress(void)
{
    struct progress now = {.ticks = ticks};
    for (u32 n = 0; n < LIVING; n++)
        now.counts[n] = ((volatile struct memory *)living)[n].count;
    return now;
}

static int counted(void)
{
    struct progress now = progress();
    for (u32 n = 0; n < LIVING; n++)
        if (now.counts[n] == since.counts[n])
            return 0;
    return 1;
}

/* A timer that has not ticked yet has to be done without. */
static int gone_on(void) { return counted() && (!ticks || ticks != since.ticks); }

static void set_timer(void)
{
    timer_start(TICK);
    pic_unmask(IRQ_TIMER);
}

void life_is_disturbed(void) { disturbed = 1; }

static void let_interrupts_in(void)
{
    interrupts_on();
    asm volatile("nop"); /* in the shadow of STI */
    interrupts_off();
}

void life_from_here(void) { since = progress(); }

void live(void)
{
    if (disturbed)
        set_timer();
    disturbed = 0;
    let_interrupts_in();
    while (!gone_on()) {
        if (ticks)
            wait_for_interrupt();
        else
            call_system(CALL_YIELD, 0, 0);
        interrupts_off();
    }
}

void life_set_timer(void)
{
    pic_init();
    set_timer();
}

void life_begin(void)
{
    processes_prepare();
    *page_entry(kernel_directory, (u32)living) |= PTE_USER; /* it was never used: there is nothing to flush */
    for (u32 n = 0; n < LIVING; n++)
        process_place(n + 1, kernel_directory, (u32)kernel_stacks[n + 1], user_count, (u32)&living[n + 1]);
    while (!counted()) /* a tick may come before they get to it */
        call_system(CALL_YIELD, 0, 0);
}

/* Not with HLT: above the kernel it may be that ports lead to the machine's own timer, whose interrupts are never the guest's. */
void life_until_tick(void)
{
    interrupts_on();
    for (u32 n = PATIENCE; !ticks && n; n--)
        ;
    let_interrupts_in();
}
