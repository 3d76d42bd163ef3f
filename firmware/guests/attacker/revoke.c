/* Pages and devices that were given away, or come from somebody else. */
#include "guests/attacker/attacker.h"
#include "guests/kernel/dma.h"

#define KERNEL_PAGE (PTE_PRESENT | PTE_WRITE)
#define DEVICE_DMA0 0
#define DELAY_LENGTH (256u << 10)
#define DELAY_ADDRESS 0x00140000u /* own memory that nothing uses */
#define ASID_ROUNDS 8
#define ACCEPT_ROUNDS 256

static void give_page(void) { record->status = (u32)hypercall(HYPERCALL_GIVE_PAGE, GIVEN_PAGE, other_partition(), 0); }

static void give_device(void) { record->status = (u32)hypercall(HYPERCALL_GIVE_DEVICE, DEVICE_DMA0, other_partition(), 0); }

/* GIVEN_PAGE at WINDOW, with the entry in the TLB, writable and dirty. */
static void use_page(u32 flags)
{
    map_page(kernel_directory, WINDOW, GIVEN_PAGE, KERNEL_PAGE | flags);
    *word_at(WINDOW) = OWN_MARK;
}

static void write_through_window(void)
{
    word_at(WINDOW)[1] = GIVEN_MARK;
    record->loot[0] = word_at(WINDOW)[0];
}

void stale_write(u32 target)
{
    (void)target;
    use_page(0);
    give_page();
    write_through_window();
}

void stale_global_write(u32 target)
{
    (void)target;
    use_page(PTE_GLOBAL);
    give_page();
    WRITE_CR(3, READ_CR(3));
    write_through_window();
}

/* A second address space with the page mapped and used; back there once it is given away. No entry of either space has changed. */
void second_space_write(u32 target)
{
    u32 *directory = new_directory();
    (void)target;
    interrupts_off(); /* a switch of processes would bring back the kernel's directory */
    directory[DIRECTORY_INDEX(WINDOW)] = 0;
    *page_entry(directory, WINDOW) = GIVEN_PAGE | KERNEL_PAGE;
    WRITE_CR(3, (u32)directory);
    *word_at(WINDOW) = OWN_MARK;
    WRITE_CR(3, (u32)kernel_directory);
    give_page();
    WRITE_CR(3, (u32)directory);
    write_through_window();
}

void dma_given_write(u32 target)
{
    (void)target;
    if (!need_dma())
        return;
    give_page();
    record->loot[1] = dma_fill(GIVEN_PAGE, GIVEN_MARK, 8);
}

/* Fills the page again and again while it is given away. */
void dma_in_flight_page(u32 target)
{
    static struct dma_descriptor chain[128] ALIGNED(16);
    (void)target;
    if (!need_dma())
        return;
    for (u32 i = 0; i < 128; i++)
        chain[i] = (struct dma_descriptor){GIVEN_MARK, GIVEN_PAGE, PAGE_SIZE, DESCRIPTOR_FLAG_FILL | (i == 127 ? DESCRIPTOR_FLAG_LAST : 0)};
    dma_start(chain);
    give_page();
    record->loot[1] = dma_finish(0);
}

void given_device_write(u32 target)
{
    static struct dma_descriptor one[1] ALIGNED(16);
    (void)target;
    if (!need_dma())
        return;
    give_device();
    one[0] = (struct dma_descriptor){ATTACK_MARK, GIVEN_PAGE, 4, DESCRIPTOR_FLAG_FILL | DESCRIPTOR_FLAG_LAST};
    dma_start(one); /* and no waiting: registers that are gone say for ever that they are busy */
    record->loot[1] = dma_register(DMA_ENGINE_STATUS);
}

/* A long fill of own memory, and one more after it. */
void queued_device_write(u32 target)
{
    static struct dma_descriptor chain[2] ALIGNED(16);
    (void)target;
    if (!need_dma())
        return;
    chain[0] = (struct dma_descriptor){0, DELAY_ADDRESS, DELAY_LENGTH, DESCRIPTOR_FLAG_FILL};
    chain[1] = (struct dma_descriptor){ATTACK_MARK, GIVEN_PAGE, 4, DESCRIPTOR_FLAG_FILL | DESCRIPTOR_FLAG_LAST};
    dma_start(chain);
    give_device();
    spin();
}

/* Own memory lies at the linear address that guest 2 uses for its secrets. */
void asid_read(u32 target)
{
    (void)target;
    for (u32 round = 0; round < ASID_ROUNDS; round++) {
        hypercall(HYPERCALL_YIELD, 0, 0, 0);
        loot(word_at(TRUSTED_SECRET));
        if (record->loot[0])
            return;
    }
}

void residue_read(u32 target)
{
    (void)target;
    for (u32 round = 0; round < ACCEPT_ROUNDS; round++) {
        record->status = (u32)hypercall(HYPERCALL_ACCEPT_PAGE, ACCEPT_PAGE, 0, 0);
        if (record->status == STATUS_OK)
            break;
        hypercall(HYPERCALL_YIELD, 0, 0, 0);
    }
    map_page(kernel_directory, WINDOW, ACCEPT_PAGE, KERNEL_PAGE);
    loot(word_at(WINDOW));
}
