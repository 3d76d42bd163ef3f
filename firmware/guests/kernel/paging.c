#include "guests/kernel/paging.h"
#include "lib/cpu.h"
#include "lib/platform.h"
#include "lib/string.h"

#define CPUID_FEATURES 1
#define FEATURE_PGE (1u << 13)
#define FEATURE_PSE (1u << 3)
#define FAILED_OUT_OF_MEMORY 0x7D

extern u8 image_end[], user_start[], user_end[];

u32 *kernel_directory;
static u32 next_page, first_free;

u32 allocate_page(void)
{
    u32 page = first_free;
    if (page) {
        first_free = *(u32 *)page;
    } else {
        if (!next_page)
            next_page = (u32)image_end;
        page = next_page;
        next_page += PAGE_SIZE;
        if (page >= LARGE_PAGE) {
            print("out of memory\n");
            finish(FAILED_OUT_OF_MEMORY);
        }
    }
    return (u32)memset((void *)page, 0, PAGE_SIZE);
}

void free_page(u32 page)
{
    *(u32 *)page = first_free;
    first_free = page;
}

u32 *new_directory(void)
{
    u32 *directory = (u32 *)allocate_page();
    return memcpy(directory, kernel_directory, PAGE_SIZE);
}

u32 *page_entry(u32 *directory, u32 linear)
{
    u32 *upper = &directory[DIRECTORY_INDEX(linear)];
    if (!(*upper & PTE_PRESENT))
        *upper = allocate_page() | PTE_PRESENT | PTE_WRITE | PTE_USER; /* the lower level decides on rights */
    return &((u32 *)(*upper & PTE_FRAME))[TABLE_INDEX(linear)];
}

void map_page(u32 *directory, u32 linear, u32 physical, u32 flags)
{
    *page_entry(directory, linear) = physical | flags;
    invalidate_page(linear);
}

/* One to one, four entries a round: a table takes long enough to fill. */
static void map_kernel(u32 *entry, u32 flags)
{
    u32 word = flags;
    do {
        entry[0] = word;
        entry[1] = word + PAGE_SIZE;
        entry[2] = word + 2 * PAGE_SIZE;
        entry[3] = word + 3 * PAGE_SIZE;
        entry += 4;
        word += 4 * PAGE_SIZE;
    } while (word < LARGE_PAGE);
}

void paging_init(void)
{
    u32 features = cpuid(CPUID_FEATURES).edx;
    u32 global = features & FEATURE_PGE ? PTE_GLOBAL : 0;
    kernel_directory = (u32 *)allocate_page();
    u32 *table = page_entry(kernel_directory, 0);
    map_kernel(table, PTE_PRESENT | PTE_WRITE | global);
    for (u32 page = (u32)user_start; page < (u32)user_end; page += PAGE_SIZE)
        table[page / PAGE_SIZE] ^= PTE_WRITE | PTE_USER;
    u32 directory = (u32)kernel_directory; /* no memory is touched between these: each change of paging empties the TLB */
    WRITE_CR(4, (features & FEATURE_PSE ? CR4_PSE : 0) | (global ? CR4_PGE : 0));
    WRITE_CR(3, directory);
    WRITE_CR(0, READ_CR(0) | CR0_PG | CR0_WP);
}
