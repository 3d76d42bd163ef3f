/* Driver of the scatter-gather DMA engines, one at a time (contracts/dma_engine.py). */
#ifndef DMA_H
#define DMA_H

#include "lib/types.h"

#define DMA_MAX_LENGTH (1u << 20)

struct dma_descriptor {
    u32 source, destination, length, flags;
};

/* The engine that everything below is about; 0 at first. */
void dma_use(u32 engine);

/* Maps the engine's page and takes its interrupt. Not 0 if there is one. */
int dma_init(void);

/* Starts a chain; descriptors are 16-byte aligned, the last one has LAST. */
void dma_start(const struct dma_descriptor *chain);

/* Waits for the end (by interrupt if `sleep`, by polling if not). The STATUS register. */
u32 dma_finish(int sleep);

/* Gives the engine some time to end by itself, then stops it: it is idle afterwards. */
void dma_quiet(void);

/* A chain of one: copy, or fill with a pattern. Polls. STATUS as above. */
u32 dma_copy(u32 to, u32 from, u32 length);
u32 dma_fill(u32 to, u32 pattern, u32 length);

u32 dma_register(u32 offset);

#endif
