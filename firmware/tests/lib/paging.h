/* Page tables for the tests: an identity map of the first 8 MiB in 4 KiB pages, and room for more. */
#ifndef PAGING_H
#define PAGING_H

#include "rt.h"

#define PTE_P 1
#define PTE_W 2
#define PTE_U 4
#define PTE_PWT 8
#define PTE_PCD 16
#define PTE_A 32
#define PTE_D 64
#define PDE_PS 128
#define PTE_G 256
#define CR0_WP 0x10000
#define CR0_PG 0x80000000
#define CR4_PSE 0x10
#define CR4_PGE 0x80

static u32 page_directory[1024] __attribute__((aligned(4096)));
static u32 page_tables[4][1024] __attribute__((aligned(4096)));
#define PTE(a) page_tables[(a) >> 22][(a) >> 12 & 1023]

static inline void identity_map(void)
{
    u32 t, n;
    for (t = 0; t < 4; t++) {
        page_directory[t] = (u32)page_tables[t] | PTE_P | PTE_W | PTE_U;
        for (n = 0; n < 1024; n++)
            page_tables[t][n] = t << 22 | n << 12 | PTE_P | PTE_W | PTE_U;
    }
}

static inline void paging_on(void)
{
    write_cr3((u32)page_directory);
    write_cr0(read_cr0() | CR0_PG);
}

#endif
