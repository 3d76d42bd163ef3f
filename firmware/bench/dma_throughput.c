/*
 * Cycles in which DMA engine 0 copies "bytes=N" (default 64 KiB) with the guard open, as after reset, and then with the policy on and a
 * map that admits all memory. Runs natively, where the processor has ring -1's authority. Status 3 if there is no engine.
 */
#include "guests/kernel/dma.h"
#include "guests/kernel/paging.h"
#include "guests/kernel/traps.h"
#include "lib/cpu.h"
#include "lib/platform.h"
#include "lib/string.h"

#define DEFAULT_BYTES (64u << 10)
#define SOURCE 0x00400000u
#define DESTINATION 0x00600000u
#define MAP_SIZE PAGE_SIZE /* bits for 128 MiB */
#define POLL_PAUSE 64      /* a poll takes the bus from the engine */
#define FAILED_DMA 1
#define FAILED_COPY 2
#define FAILED_NO_ENGINE 3

static u32 map[MAP_SIZE / 4] ALIGNED(4096);
static struct dma_descriptor chain ALIGNED(DESCRIPTOR_SIZE);

static volatile u32 *guard(u32 offset) { return word_at(PHYSICAL_GUARD + offset); }

static void map_range(u32 base, u32 size, u32 flags)
{
    for (u32 page = base; page < base + size; page += PAGE_SIZE)
        map_page(kernel_directory, page, page, PTE_PRESENT | PTE_WRITE | flags);
}

static void policy_on(void)
{
    memset(map, 0xFF, sizeof map);
    *guard(GUARD_MAP_BASE) = (u32)map;
    *guard(GUARD_MAP_LENGTH) = sizeof map;
    *guard(GUARD_CONTROL) = GUARD_CONTROL_ENABLE | FORMAT_UNIFORM << GUARD_CONTROL_FORMAT_SHIFT;
}

/* Cycles, or 0. */
static u32 measure(u32 bytes, u32 seed)
{
    for (u32 i = 0; i < bytes; i += 4)
        *word_at(SOURCE + i) = i * seed;
    chain = (struct dma_descriptor){SOURCE, DESTINATION, bytes, DESCRIPTOR_FLAG_LAST};
    u64 begin = time_stamp();
    dma_start(&chain);
    while (dma_register(DMA_ENGINE_STATUS) & DMA_ENGINE_STATUS_BUSY)
        for (volatile u32 n = POLL_PAUSE; n; n--)
            ;
    u32 cycles = (u32)(time_stamp() - begin);
    if (dma_register(DMA_ENGINE_STATUS) & DMA_ENGINE_STATUS_ERROR)
        finish(FAILED_DMA);
    for (u32 i = 0; i < bytes; i += 4)
        if (*word_at(DESTINATION + i) != i * seed)
            finish(FAILED_COPY);
    return cycles;
}

int main(void)
{
    u32 bytes = parameter("bytes", DEFAULT_BYTES);
    paging_init();
    traps_init();
    map_range(SOURCE, bytes, 0);
    map_range(DESTINATION, bytes, 0);
    map_range(PHYSICAL_GUARD, PAGE_SIZE, PTE_UNCACHED);
    if (!dma_init()) {
        print("dma_throughput: there is no DMA engine\n");
        return FAILED_NO_ENGINE;
    }
    u32 open = measure(bytes, 3);
    policy_on();
    u32 checked = measure(bytes, 5);
    print("dma_throughput: %u bytes, %u cycles open, %u cycles checked\n", bytes, open, checked);
    return 0;
}
