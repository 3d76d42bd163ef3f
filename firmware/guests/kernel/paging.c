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

/* One to one; the entry behind the last. */
static u32 *map_range(u32 *entry, u32 page, u32 end, u32 flags)
{
    for (; page < end; page += PAGE_SIZE)
        *entry++ = page | flags;
    return entry;
}

void paging_init(void)
{
    u32 features = cpuid(CPUID_FEATURES).edx;
    u32 global = features & FEATURE_PGE ? PTE_GLOBAL : 0;
    kernel_directory = (u32 *)allocate_page();
    u32 *entry = page_entry(kernel_directory, 0);
    entry = map_range(entry, 0, (u32)user_start, PTE_PRESENT | PTE_WRITE | global);
    entry = map_range(entry, (u32)user_start, (u32)user_end, PTE_PRESENT | PTE_USER | global);
    map_range(entry, (u32)user_end, LARGE_PAGE, PTE_PRESENT | PTE_WRITE | global);
    WRITE_CR(4, (features & FEATURE_PSE ? CR4_PSE : 0) | (global ? CR4_PGE : 0));
    WRITE_CR(3, (u32)kernel_directory);
    WRITE_CR(0, READ_CR(0) | CR0_PG | CR0_WP);
}
