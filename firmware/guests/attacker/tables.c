/* Page tables: foreign ones, and own ones changed behind the kernel's back. */
#include "guests/attacker/attacker.h"
#include "guests/kernel/dma.h"

#define KERNEL_PAGE (PTE_PRESENT | PTE_WRITE)
#define USED (PTE_ACCESSED | PTE_DIRTY)
#define GUEST2_ALIAS 0xC0000000u  /* what guest 2's directory maps to 0 ... */
#define GUEST2_TABLE 0x00400000u  /* ... and by its table to RESULT_ADDRESS */
#define RACE_CHAIN 0x00140000u    /* own memory that nothing uses */
#define RACE_DESCRIPTORS 1024
#define RACE_ROUNDS 12
#define RACE_PHASES 31            /* a prime: the tries fall everywhere in the chain's rhythm */

static volatile u32 *window(u32 target) { return word_at(WINDOW + (target & ~PTE_FRAME)); }

static void read_through_own_directory(u32 target, volatile u32 *to)
{
    u32 *directory = new_directory();
    interrupts_off(); /* a switch of processes would bring back the kernel's directory */
    directory[DIRECTORY_INDEX(WINDOW)] = 0;
    *page_entry(directory, WINDOW) = (target & PTE_FRAME) | KERNEL_PAGE;
    WRITE_CR(3, (u32)directory);
    for (u32 i = 0; i < LOOT_WORDS; i++)
        to[i] = window(target)[i];
    WRITE_CR(3, (u32)kernel_directory);
}

void cr3_own_read(u32 target) { read_through_own_directory(target, record->loot); }

int cr3_own_allowed(u32 target)
{
    u32 seen[LOOT_WORDS];
    (void)target;
    read_through_own_directory((u32)own_page, seen);
    return seen[0] == OWN_MARK;
}

/* Guest 2's directory maps the first 4 MiB one to one as ours does: the attacker runs on below it. */
void cr3_foreign(u32 target)
{
    interrupts_off();
    WRITE_CR(3, target);
    record->loot[0] = *word_at(GUEST2_ALIAS + RESULT_ADDRESS + RESULT_MARK);
    *word_at(GUEST2_TABLE + RESULT_LOOT + 4) = ATTACK_MARK;
    WRITE_CR(3, (u32)kernel_directory);
}

/* Tables of ring -1, on which the attacker could run on. */
void cr3_load(u32 target)
{
    interrupts_off();
    WRITE_CR(3, target);
    record->loot[0] = own_page[0];
    WRITE_CR(3, (u32)kernel_directory);
}

static u32 read_through_table(u32 table)
{
    kernel_directory[DIRECTORY_INDEX(TABLE_WINDOW)] = table | KERNEL_PAGE;
    WRITE_CR(3, (u32)kernel_directory);
    return *word_at(TABLE_WINDOW);
}

void table_foreign(u32 target)
{
    record->loot[0] = read_through_table(target);
    *word_at(TABLE_WINDOW + RESULT_LOOT + 4) = ATTACK_MARK;
}

/* A shadow table of guest 2: its entries lead to guest 2's pages. */
void table_shadow(u32 target)
{
    kernel_directory[DIRECTORY_INDEX(TABLE_WINDOW)] = target | KERNEL_PAGE;
    WRITE_CR(3, (u32)kernel_directory);
    loot(word_at(TABLE_WINDOW + (TRUSTED_SECRET & (LARGE_PAGE - 1))));
}

int table_own(u32 target)
{
    u32 *table = (u32 *)allocate_page();
    (void)target;
    table[0] = (u32)own_page | KERNEL_PAGE;
    return read_through_table((u32)table) == OWN_MARK;
}

/* WINDOW shows own_page and is in use; its page table is mapped at ALIAS as well. */
static void use_window(void)
{
    map_page(kernel_directory, WINDOW, (u32)own_page, KERNEL_PAGE);
    *word_at(WINDOW) = OWN_MARK;
}

static u32 edit_through_alias(u32 entry)
{
    u32 at = (u32)page_entry(kernel_directory, WINDOW);
    use_window();
    map_page(kernel_directory, ALIAS, at & PTE_FRAME, KERNEL_PAGE);
    *word_at(ALIAS + (at & ~PTE_FRAME)) = entry;
    invalidate_page(WINDOW);
    return *page_entry(kernel_directory, WINDOW);
}

void second_mapping_read(u32 target)
{
    record->status = edit_through_alias((target & PTE_FRAME) | KERNEL_PAGE);
    loot(window(target));
}

int second_mapping_own(u32 target)
{
    u32 *page = (u32 *)allocate_page();
    (void)target;
    page[0] = OWN_MARK + 2;
    edit_through_alias((u32)page | KERNEL_PAGE);
    return *word_at(WINDOW) == OWN_MARK + 2;
}

static void edit_by_dma(u32 entry)
{
    u32 at = (u32)page_entry(kernel_directory, WINDOW);
    use_window();
    record->status = dma_fill(at, entry, 4);
    invalidate_page(WINDOW);
}

void dma_table_read(u32 target)
{
    if (!need_dma())
        return;
    edit_by_dma((target & PTE_FRAME) | KERNEL_PAGE | USED);
    loot(window(target));
}

int dma_table_own(u32 target)
{
    u32 *page = (u32 *)allocate_page();
    (void)target;
    page[0] = OWN_MARK + 2;
    if (!need_dma())
        return 0;
    dma_quiet();
    edit_by_dma((u32)page | KERNEL_PAGE | USED);
    return *word_at(WINDOW) == OWN_MARK + 2;
}

/* A long chain that writes an own and a foreign entry by turns, while the page is touched again and again. */
void dma_race_read(u32 target)
{
    struct dma_descriptor *chain = (struct dma_descriptor *)RACE_CHAIN;
    u32 at = (u32)page_entry(kernel_directory, WINDOW), tries = 0;
    if (!need_dma())
        return;
    interrupts_off(); /* nothing is to come between the flush and the read */
    use_window();
    for (u32 i = 0; i < RACE_DESCRIPTORS; i++) {
        u32 page = i & 1 ? (u32)own_page : target & PTE_FRAME;
        u32 last = i == RACE_DESCRIPTORS - 1 ? DESCRIPTOR_FLAG_LAST : 0;
        chain[i] = (struct dma_descriptor){page | KERNEL_PAGE | USED, at, 4, DESCRIPTOR_FLAG_FILL | last};
    }
    for (u32 round = 0; round < RACE_ROUNDS; round++) {
        dma_start(chain);
        while (dma_register(DMA_ENGINE_STATUS) & DMA_ENGINE_STATUS_BUSY) {
            u32 phase = tries++ % RACE_PHASES + 1;
            invalidate_page(WINDOW);
            asm volatile("1: decl %0; jnz 1b" : "+r"(phase));
            u32 value = *window(target);
            if (value != OWN_MARK && value != 0xFFFFFFFF) {
                loot(window(target));
                record->loot[0] = value;
                return;
            }
        }
    }
}
