/* The LOCK prefix: no other master's write comes between the read and the write. A DMA engine writes a word while the processor sets bits of
 * it; without the prefix some of these writes are lost, with it none.
 */
#include "check.h"

#define ROUNDS 64
#define PHASES 16 /* lengths of what the engine writes before, so it comes at so many different distances */
#define PHASE_STEP 20
#define MESSAGE 0x80000000u

static volatile u32 shared[4] __attribute__((aligned(16)));
static u8 elsewhere[PHASES * PHASE_STEP] __attribute__((aligned(16)));
static struct {
    u32 source, destination, length, flags;
} orders[2] __attribute__((aligned(16)));

static volatile u32 *engine(u32 offset) { return (volatile u32 *)(PHYSICAL_DMA_ENGINES + offset); }

/* Rounds in which the engine's write was not there afterwards; `set` changes shared[0] again and again meanwhile, but never that bit. CMPXCHG
 * finds another value than EAX's, and writes what it has found. */
static u32 lost(void (*set)(void))
{
    u32 round, count = 0;
    for (round = 0; round < ROUNDS; round++) {
        shared[0] = 0;
        orders[0].source = 0;
        orders[0].destination = (u32)elsewhere;
        orders[0].length = (round % PHASES + 1) * PHASE_STEP;
        orders[0].flags = DESCRIPTOR_FLAG_FILL;
        orders[1].source = MESSAGE;
        orders[1].destination = (u32)shared;
        orders[1].length = sizeof shared[0];
        orders[1].flags = DESCRIPTOR_FLAG_FILL | DESCRIPTOR_FLAG_LAST;
        *engine(DMA_ENGINE_STATUS) = DMA_ENGINE_STATUS_DONE | DMA_ENGINE_STATUS_ERROR;
        *engine(DMA_ENGINE_DESCRIPTOR) = (u32)orders;
        *engine(DMA_ENGINE_CONTROL) = DMA_ENGINE_CONTROL_START;
        set();
        while (*engine(DMA_ENGINE_STATUS) & DMA_ENGINE_STATUS_BUSY)
            ;
        if (!(shared[0] & MESSAGE))
            count++;
    }
    return count;
}

#define SETTER(name, text)                                                                                                                \
    static void name(void)                                                                                                                \
    {                                                                                                                                     \
        u32 eax = 0, edx = 0;                                                                                                             \
        __asm__ volatile(".rept 24\n" text "\n.endr" : "+a"(eax), "+d"(edx) : "r"(&shared[0]), "b"(1), "c"(0) : "memory", "cc");          \
    }

SETTER(or_plain, "orl $1, (%2)")
SETTER(or_locked, "lock orl $1, (%2)")
SETTER(bts_locked, "lock btsl $3, (%2)")
SETTER(inc_locked, "lock incl (%2)")
SETTER(xadd_locked, "movl $2, %%eax\nlock xaddl %%eax, (%2)")
SETTER(cmpxchg_locked, "movl $5, %%eax\nlock cmpxchgl %%ebx, (%2)")
SETTER(cmpxchg8b_locked, "movl $5, %%eax\nlock cmpxchg8b (%2)")

int main(void)
{
    put("lock\n");
    check_value("without LOCK some are lost", lost(or_plain) != 0, 1);
    check_value("or", lost(or_locked), 0);
    check_value("bts", lost(bts_locked), 0);
    check_value("inc", lost(inc_locked), 0);
    check_value("xadd", lost(xadd_locked), 0);
    check_value("cmpxchg", lost(cmpxchg_locked), 0);
    check_value("cmpxchg8b", lost(cmpxchg8b_locked), 0);
    return conclude();
}
