/*
 * Guest 2's pages at fixed addresses (firmware/guests/layout.py): what attackers are after, and its page tables, built so that whoever
 * is made to walk them from outside leaves a trace.
 */
#include "guests/kernel/paging.h"
#include "guest_layout.h"

#define ALIAS 0xC0000000u
#define SECTION(name) __attribute__((section(name), used))
#define OFFSET(what) ((TRUSTED_##what - TRUSTED_PAGE) / 4)
#define LARGE (PTE_PRESENT | PTE_WRITE | PTE_LARGE)

struct secret_page {
    u32 secret[16];
    u8 key[64];
    u32 victim[16];
    u32 descriptor[4];
    u32 unused[220];
    u32 state[8];
    u32 unused_too[114];
    u32 state_msrs[16];
    u32 rest[614];
};

SECTION(".trusted.page") struct secret_page trusted_page = {
    .secret = {SECRET_WORD_LIST},
    .key = {DEFAULT_KEY_BYTES},
    .victim = {VICTIM_WORD},
    .state = {SECRET_WORD_LIST},
    .state_msrs = {SECRET_WORD_LIST, SECRET_WORD_LIST},
    .descriptor = {0x5EC2E700u, RESULT_ADDRESS + RESULT_LOOT, 4, DESCRIPTOR_FLAG_LAST | DESCRIPTOR_FLAG_FILL},
};

SECTION(".trusted.directory") u32 trusted_directory[1024] = {
    [0] = LARGE,
    [1] = TRUSTED_TABLE + (PTE_PRESENT | PTE_WRITE),
    [DIRECTORY_INDEX(ALIAS)] = LARGE,
};

SECTION(".trusted.table") u32 trusted_table[1024] = {[0] = RESULT_ADDRESS | PTE_PRESENT | PTE_WRITE};

SECTION(".trusted.spare") u32 trusted_spare[1024] = {SECRET_WORD_LIST};

_Static_assert(__builtin_offsetof(struct secret_page, key) == TRUSTED_KEY - TRUSTED_PAGE, "layout.py says so");
_Static_assert(__builtin_offsetof(struct secret_page, victim) == TRUSTED_VICTIM - TRUSTED_PAGE, "layout.py says so");
_Static_assert(__builtin_offsetof(struct secret_page, descriptor) == TRUSTED_DESCRIPTOR - TRUSTED_PAGE, "layout.py says so");
_Static_assert(__builtin_offsetof(struct secret_page, state) == TRUSTED_STATE - TRUSTED_PAGE, "layout.py says so");
_Static_assert(__builtin_offsetof(struct secret_page, state_msrs) == TRUSTED_STATE_MSRS - TRUSTED_PAGE, "layout.py says so");
_Static_assert(sizeof(struct secret_page) == PAGE_SIZE, "one page");
