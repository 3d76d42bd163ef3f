/* Page tables: the kernel's own, one to one, and what processes and drivers add. */
#ifndef PAGING_H
#define PAGING_H

#include "lib/types.h"
#include "ringfence.h"

#define PTE_PRESENT 0x001u
#define PTE_WRITE 0x002u
#define PTE_USER 0x004u
#define PTE_UNCACHED 0x010u
#define PTE_ACCESSED 0x020u
#define PTE_DIRTY 0x040u
#define PTE_LARGE 0x080u
#define PTE_GLOBAL 0x100u
#define PTE_FRAME 0xFFFFF000u
#define LARGE_PAGE (4u << 20)
#define DIRECTORY_INDEX(linear) ((linear) >> 22)
#define TABLE_INDEX(linear) ((linear) >> 12 & 0x3FF)

typedef u32 page_table[1024];

extern u32 *kernel_directory;

/* Builds the one-to-one map of the first 4 MiB and switches paging on, with CR0.WP. */
void paging_init(void);

/* A page of memory, zeroed; ends the program if there is none left. */
u32 allocate_page(void);
void free_page(u32 page);

/* A directory with the kernel's entries. */
u32 *new_directory(void);

/* The entry for `linear`, its table made if need be. */
u32 *page_entry(u32 *directory, u32 linear);

/* Maps one 4 KiB page and invalidates the translation that was there. */
void map_page(u32 *directory, u32 linear, u32 physical, u32 flags);

#endif
