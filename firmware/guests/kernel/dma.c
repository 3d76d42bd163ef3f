#include "guests/kernel/dma.h"
#include "guests/kernel/paging.h"
#include "guests/kernel/traps.h"
#include "lib/cpu.h"

#define PROBE_ADDRESS 0x00ABCDE0u
#define PATIENCE 2000 /* polls */

static u32 number; /* of the engine in use */
static volatile u32 interrupts;
static struct dma_descriptor single ALIGNED(DESCRIPTOR_SIZE);

static volatile u32 *reg(u32 offset) { return word_at(PHYSICAL_DMA_ENGINES + number * DMA_ENGINE_STRIDE + offset); }

void dma_use(u32 engine) { number = engine; }

u32 dma_register(u32 offset) { return *reg(offset); }

static void interrupt(void)
{
    interrupts++;
    *reg(DMA_ENGINE_CONTROL) = 0; /* interrupts off, STATUS stays for dma_finish */
}

static void probe(u32 found)
{
    *reg(DMA_ENGINE_DESCRIPTOR) = PROBE_ADDRESS;
    *(u32 *)found = *reg(DMA_ENGINE_DESCRIPTOR) == PROBE_ADDRESS;
}

int dma_init(void)
{
    u32 found = 0;
    map_page(kernel_directory, (u32)reg(0), (u32)reg(0), PTE_PRESENT | PTE_WRITE | PTE_UNCACHED);
    if (guarded(probe, (u32)&found) != NO_FAULT || !found)
        return 0;
    on_interrupt(IRQ_DMA0 + number, interrupt);
    return 1;
}

void dma_start(const struct dma_descriptor *chain)
{
    *reg(DMA_ENGINE_STATUS) = DMA_ENGINE_STATUS_DONE | DMA_ENGINE_STATUS_ERROR;
    *reg(DMA_ENGINE_DESCRIPTOR) = (u32)chain;
    interrupts = 0;
    *reg(DMA_ENGINE_CONTROL) = DMA_ENGINE_CONTROL_START | DMA_ENGINE_CONTROL_INTERRUPT_ENABLE;
}

u32 dma_finish(int sleep)
{
    if (sleep) {
        interrupts_off();
        while (!interrupts) {
            wait_for_interrupt(); /* STI and HLT: nothing slips in between */
            interrupts_off();
        }
        interrupts_on();
    }
    u32 status;
    do
        status = *reg(DMA_ENGINE_STATUS);
    while (status & DMA_ENGINE_STATUS_BUSY);
    return status;
}

void dma_quiet(void)
{
    for (u32 polls = 0; *reg(DMA_ENGINE_STATUS) & DMA_ENGINE_STATUS_BUSY; polls++)
        if (polls == PATIENCE)
            *reg(DMA_ENGINE_CONTROL) = DMA_ENGINE_CONTROL_RESET;
    while (*reg(DMA_ENGINE_CONTROL) & DMA_ENGINE_CONTROL_RESET)
        ;
}

static u32 run_single(u32 to, u32 source, u32 length, u32 flags)
{
    single = (struct dma_descriptor){source, to, length, flags | DESCRIPTOR_FLAG_LAST};
    *reg(DMA_ENGINE_STATUS) = DMA_ENGINE_STATUS_DONE | DMA_ENGINE_STATUS_ERROR;
    *reg(DMA_ENGINE_DESCRIPTOR) = (u32)&single;
    asm volatile("" : : : "memory");
    *reg(DMA_ENGINE_CONTROL) = DMA_ENGINE_CONTROL_START;
    return dma_finish(0);
}

u32 dma_copy(u32 to, u32 from, u32 length) { return run_single(to, from, length, 0); }

u32 dma_fill(u32 to, u32 pattern, u32 length) { return run_single(to, pattern, length, DESCRIPTOR_FLAG_FILL); }
