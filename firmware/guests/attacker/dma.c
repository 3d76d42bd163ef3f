/* DMA to and from memory that is not guest 1's. */
#include "guests/attacker/attacker.h"
#include "guests/kernel/dma.h"

#define LAST_PAGE 0xFFFFF000u
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

int dma_own(u32 target)
{
    (void)target;
    if (!need_dma())
        return 0;
    dma_quiet();
    own_page[2] = 0;
    return dma_copy((u32)&own_page[2], (u32)&own_page[0], 4) == DMA_ENGINE_STATUS_DONE && own_page[2] == OWN_MARK;
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

void dma_wrap(u32 target)
{
    if (!need_dma())
        return;
    dma_fill(LAST_PAGE, ATTACK_MARK, TWO_PAGES);
    record->status = dma_fill(target, ATTACK_MARK, TWO_PAGES);
}
