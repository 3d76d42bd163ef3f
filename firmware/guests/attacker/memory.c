/* Foreign memory through page tables, with paging off, from real mode, past segments. */
#include "guests/attacker/attacker.h"
#include "guests/kernel/process.h"
#include "lib/segments.h"

#define KERNEL_PAGE (PTE_PRESENT | PTE_WRITE)
#define USER_PAGE (KERNEL_PAGE | PTE_USER)
#define WRAP_BASE 0xFFFF0000u
#define FLAT_DATA_HIGH 0x00CF9300u /* with base bits 31:24 and 23:16 to be put in */
#define CODE_16_HIGH 0x00009B00u

extern u32 gdt[][2];

static volatile u32 *window(u32 target, u32 flags)
{
    map_page(kernel_directory, WINDOW, target & PTE_FRAME, flags);
    return word_at(WINDOW + (target & ~PTE_FRAME));
}

void map_read(u32 target) { loot(window(target, KERNEL_PAGE)); }

void map_write(u32 target) { *window(target, KERNEL_PAGE) = ATTACK_MARK; }

void map_write_victim(u32 target) { map_write(target + VICTIM_OFFSET); }

static int is_own(volatile u32 *mapped)
{
    mapped[1] = OWN_MARK + 1;
    return mapped[0] == OWN_MARK && own_page[1] == OWN_MARK + 1;
}

int map_own(u32 target)
{
    (void)target;
    return is_own(window((u32)own_page, KERNEL_PAGE));
}

/* Not at WINDOW, where a TLB that was not flushed may still lead elsewhere. */
int map_own_elsewhere(u32 target)
{
    (void)target;
    map_page(kernel_directory, ALIAS, (u32)own_page, KERNEL_PAGE);
    return is_own(word_at(ALIAS));
}

static volatile u32 *large_window(u32 target)
{
    kernel_directory[DIRECTORY_INDEX(LARGE_WINDOW)] = (target & ~(LARGE_PAGE - 1)) | KERNEL_PAGE | PTE_LARGE;
    WRITE_CR(3, READ_CR(3));
    return word_at(LARGE_WINDOW + (target & (LARGE_PAGE - 1)));
}

void large_read(u32 target) { loot(large_window(target)); }

int large_own(u32 target)
{
    (void)target;
    return *large_window((u32)own_page) == OWN_MARK;
}

/* Ring 3: reads a word and ends with it. Text in the user's pages. */
__attribute__((section(".user.text"), noinline)) static void user_reader(u32 address)
{
    u32 value = *word_at(address);
    for (;;)
        asm volatile("int %0" : : "i"(VECTOR_SYSTEM_CALL), "a"(CALL_EXIT), "b"(value));
}

void user_read(u32 target)
{
    window(target, USER_PAGE);
    record->loot[0] = run_in_ring_3(user_reader, WINDOW + (target & ~PTE_FRAME));
}

int user_own(u32 target)
{
    (void)target;
    window((u32)own_page, USER_PAGE);
    return run_in_ring_3(user_reader, WINDOW) == OWN_MARK;
}

/* The attacker's image is mapped one to one, so that it runs on when paging is switched off. */
static void read_without_paging(u32 address, volatile u32 *to)
{
    u32 cr0 = READ_CR(0);
    interrupts_off();
    WRITE_CR(0, cr0 & ~CR0_PG);
    for (u32 i = 0; i < LOOT_WORDS; i++)
        to[i] = word_at(address)[i];
    WRITE_CR(0, cr0);
}

void paging_off_read(u32 target) { read_without_paging(target, record->loot); }

int paging_off_own(u32 target)
{
    u32 seen[LOOT_WORDS];
    (void)target;
    read_without_paging((u32)own_page, seen);
    return seen[0] == OWN_MARK;
}

static void set_descriptor(u32 selector, u32 base, u32 limit, u32 high)
{
    gdt[selector / 8][0] = base << 16 | limit;
    gdt[selector / 8][1] = (base & 0xFF000000) | (base >> 16 & 0xFF) | high;
}

/* base + offset passes 4 GiB: the sum is the address. */
static void read_around_the_end(u32 address, volatile u32 *to)
{
    u32 cr0 = READ_CR(0), offset = address - WRAP_BASE;
    interrupts_off();
    set_descriptor(SPARE_1, WRAP_BASE, 0xFFFF, FLAT_DATA_HIGH);
    asm volatile("movw %w0, %%fs" : : "r"(SPARE_1));
    WRITE_CR(0, cr0 & ~CR0_PG);
    for (u32 i = 0; i < LOOT_WORDS; i++)
        asm volatile("movl %%fs:(%1), %0" : "=r"(to[i]) : "r"(offset + 4 * i));
    WRITE_CR(0, cr0);
}

void wrap_read(u32 target) { read_around_the_end(target, record->loot); }

int wrap_own(u32 target)
{
    u32 seen[LOOT_WORDS];
    (void)target;
    read_around_the_end((u32)own_page, seen);
    return seen[0] == OWN_MARK;
}

/*
 * Real mode with 4 GiB data segments: PE goes while CS is a 16-bit segment over this code and DS keeps its limit.
 * u32 read_in_real_mode(u32 address)
 */
asm(".text\n"
    "read_in_real_mode:\n"
    "    movl 4(%esp), %ecx\n"
    "    pushl %ebx\n"
    "    movl %cr0, %ebx\n"
    "    movl %ebx, %edx\n"
    "    andl $0x7FFFFFFF, %edx\n"
    "    movl %edx, %cr0\n"
    "    ljmpl $0x38, $(1f - real_mode_base)\n"
    "    .code16\n"
    "real_mode_base:\n"
    "1:  andl $0xFFFFFFFE, %edx\n"
    "    movl %edx, %cr0\n"
    "    addr32 movl (%ecx), %eax\n"
    "    orl $1, %edx\n"
    "    movl %edx, %cr0\n"
    "    ljmpl $0x08, $2f\n"
    "    .code32\n"
    "2:  movl %ebx, %cr0\n"
    "    popl %ebx\n"
    "    ret\n");
u32 read_in_real_mode(u32 address);
extern u8 real_mode_base[];
_Static_assert(SPARE_2 == 0x38 && KERNEL_CODE == 0x08, "the selectors in read_in_real_mode");

static u32 real_mode_word(u32 address)
{
    interrupts_off();
    set_descriptor(SPARE_2, (u32)real_mode_base, 0xFFFF, CODE_16_HIGH);
    return read_in_real_mode(address);
}

void real_mode_read(u32 target) { record->loot[0] = real_mode_word(target); }

int real_mode_own(u32 target)
{
    (void)target;
    return real_mode_word((u32)own_page) == OWN_MARK;
}
