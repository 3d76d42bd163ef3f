/* DMA to and from memory that is not guest 1's. */
#include "guests/attacker/attacker.h"
#include "guests/kernel/dma.h"

#define LAST_PAGE 0xFFFFF000u
#define SECOND_ENGINE 1
#define TWO_PAGES (2 * PAGE_SIZE)

void dma_read(u32 target)
{
    if (need_dma())
        record->status = dma_copy(RESULT_ADDRESS + RESULT_LOOT, target, LOOT_WORDS * 4);
}

void dma_write(u32 target)
{
    if (need_dma())
        record->status = dma_fill(target, ATTACK_MARK, 4);
}

void dma_write_victim(u32 target) { dma_write(target + VICTIM_OFFSET); }

static int copy_own(void)
{
    own_page[2] = 0;
    return dma_copy((u32)&own_page[2], (u32)&own_page[0], 4) == DMA_ENGINE_STATUS_DONE && *(volatile u32 *)&own_page[2] == OWN_MARK;
}

int dma_own(u32 target)
{
    (void)target;
    if (!need_dma())
        return 0;
    dma_quiet();
    return copy_own();
}

/* By the engine that guest 1 has kept, where it has given the first away. */
int second_engine_own(u32 target)
{
    (void)target;
    dma_use(SECOND_ENGINE);
    return dma_init() && copy_own();
}

/* Guest 2's page happens to hold a well-formed descriptor. What the engine does tells what stands there. */
void dma_descriptor(u32 target)
{
    if (!need_dma())
        return;
    dma_start((const struct dma_descriptor *)(target + (TRUSTED_DESCRIPTOR - TRUSTED_PAGE)));
    dma_quiet(); /* what stands there may be no chain, or one without end */
    record->status = dma_register(DMA_ENGINE_STATUS);
}

/*
 * From the last page below 4 GiB the engine would come to address 0, but nothing that DMA reaches is there: it stops at its first access,
 * guarded or not. From the last page of RAM it comes as far as the end.
 */
void dma_past_end(u32 target)
{
    if (!need_dma())
        return;
    dma_fill(LAST_PAGE, ATTACK_MARK, TWO_PAGES);
    record->status = dma_fill(target, ATTACK_MARK, TWO_PAGES);
}
