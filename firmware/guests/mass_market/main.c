/*
 * Guest 1, the mass-market system: a ring-0 kernel with page tables of its own, ring-3 processes, timer interrupts, demand paging
 * and a driver for DMA engine 0.
 *
 * Command line: work=N (amount of work, 1), pit=N (timer divisor, 1193: a millisecond), ticks=N (timer interrupts to wait for, 3),
 * dma=0 (leave the engine alone). Status 0 if all was right.
 */
#include "guests/kernel/dma.h"
#include "guests/kernel/paging.h"
#include "guests/kernel/process.h"
#include "guests/mass_market/user.h"
#include "lib/cpu.h"
#include "lib/pic.h"
#include "lib/platform.h"

#define DEFAULT_DIVISOR 1193
#define DEFAULT_TICKS 3
#define DMA_ROUNDS(work) (2 * (work))
#define DMA_WORDS 128
#define FAILED_DMA 1

static struct dma_descriptor chain[3] ALIGNED(DESCRIPTOR_SIZE);
static u32 source[DMA_WORDS] ALIGNED(16), target[2 * DMA_WORDS] ALIGNED(16);

static u32 physical(const void *p) { return (u32)p; } /* the kernel's map, and guest 1's memory, are one to one */

/* A chain of copy, fill, copy; every word checked. Words moved, or 0. */
static u32 dma_round(u32 round)
{
    const u32 half = DMA_WORDS / 2 * 4, fill = 0xF1110000 | round;
    for (u32 i = 0; i < DMA_WORDS; i++)
        source[i] = round << 16 ^ i * 0x01010101;
    chain[0] = (struct dma_descriptor){physical(source), physical(target), half, 0};
    chain[1] = (struct dma_descriptor){fill, physical(target) + half, half, DESCRIPTOR_FLAG_FILL};
    chain[2] = (struct dma_descriptor){physical(source) + half, physical(target) + 2 * half, half,
                                       DESCRIPTOR_FLAG_LAST | DESCRIPTOR_FLAG_INTERRUPT};
    dma_start(chain);
    u32 status = dma_finish(1);
    if (!(status & DMA_ENGINE_STATUS_DONE) || (status & DMA_ENGINE_STATUS_ERROR)) {
        print("DMA: status %x, error address %x\n", status, dma_register(DMA_ENGINE_ERROR_ADDRESS));
        return 0;
    }
    for (u32 i = 0; i < 3 * DMA_WORDS / 2; i++) {
        u32 wanted = i < DMA_WORDS / 2 ? source[i] : i < DMA_WORDS ? fill : source[i - DMA_WORDS / 2];
        if (target[i] != wanted) {
            print("DMA: word %u is %x, not %x\n", i, target[i], wanted);
            return 0;
        }
    }
    return 3 * DMA_WORDS / 2;
}

int main(void)
{
    u32 work = parameter("work", 1), moved = 0;
    paging_init();
    traps_init();
    print("mass_market: %s\n", above_isolation_kernel() ? "above the isolation kernel" : "on the bare machine");
    pic_init();
    int dma = parameter("dma", 1) && dma_init();
    process_start(1, user_sieve, work);
    process_start(2, user_sort, work);
    process_start(3, user_churn, work);
    processes_init(parameter("pit", DEFAULT_DIVISOR));
    for (u32 round = 1; dma && round <= DMA_ROUNDS(work); round++) {
        u32 words = dma_round(round);
        if (!words)
            return FAILED_DMA;
        moved += words;
    }
    while (processes[1].alive || processes[2].alive || processes[3].alive)
        call_system(CALL_YIELD, 0, 0);
    while (ticks < parameter("ticks", DEFAULT_TICKS))
        wait_for_interrupt();
    interrupts_off();
    for (u32 i = 1; i < PROCESSES; i++)
        print("process %u: result %x, %u page faults\n", i, processes[i].result, processes[i].page_faults);
    print("mass_market: done, %u words by DMA\n", moved);
    return 0;
}
