#include "guests/market/market.h"
#include "guests/kernel/dma.h"
#include "guests/kernel/paging.h"
#include "guests/kernel/traps.h"
#include "lib/cpu.h"
#include "lib/platform.h"
#include "lib/string.h"

#define WINDOW 0x80000000u /* linear, where nothing else is */
#define EVIL "Mallory"
#define LOOKS 250 /* at the keyboard, or writes to the screen */
#define ROW_OF_PAYEE (PHYSICAL_SCREEN + 7 * 2 * VGA_COLUMNS)
#define PAYEE_COLUMN 12
#define TURNS 8 /* until the user is asked */

u8 loot[BANK_LOOT_SIZE] ALIGNED(4096);

static u32 target, trusted, tried;
static u8 identity[IDENTITY_SIZE] ALIGNED(4);
static struct bank_message kept ALIGNED(4);

static int with_name(u32 number, u32 ebx, u32 ecx, u32 edx, u32 esi, u32 edi)
{
    int result;
    asm volatile("vmmcall" : "=a"(result) : "a"(number), "b"(ebx), "c"(ecx), "d"(edx), "S"(esi), "D"(edi) : "memory");
    return result;
}

/* Memory: by a page table of its own, by DMA, by the kernel's hand. */

static void read_window(u32 address)
{
    memcpy(loot, (const void *)address, sizeof loot);
}

static void map_read(void)
{
    map_page(kernel_directory, WINDOW, target & PTE_FRAME, PTE_PRESENT | PTE_WRITE);
    guarded(read_window, WINDOW + (target & ~PTE_FRAME));
}

static void write_window(u32 address) { memcpy((void *)address, EVIL, sizeof EVIL); }

static void map_write(void)
{
    map_page(kernel_directory, WINDOW, target & PTE_FRAME, PTE_PRESENT | PTE_WRITE);
    guarded(write_window, WINDOW + (target & ~PTE_FRAME));
}

static void dma_read(void) { dma_copy((u32)loot, target, sizeof loot); }

static void dma_write(void)
{
    static u8 name[sizeof((struct bank_message *)0)->payee] ALIGNED(16) = EVIL;
    dma_copy(target, (u32)name, sizeof name);
}

static void send_foreign(void) { hypercall(HYPERCALL_SEND, target, sizeof loot, 0); }

/* Sealed storage and quotes: in another's name, which the kernel itself has told. */

static void unseal_foreign(void)
{
    with_name(HYPERCALL_UNSEAL, (u32)loot, sizeof loot, BANK_ACCOUNT_SLOT, (u32)identity, (u32)identity);
}

static void seal_foreign(void)
{
    struct bank_account *mine = (struct bank_account *)loot;
    memset(mine, 0, sizeof *mine);
    mine->magic = BANK_ACCOUNT_MAGIC;
    mine->version = BANK_ACCOUNT_VERSION;
    mine->tries = BANK_TRIES;
    mine->customer = BANK_EVIL_CUSTOMER;
    memcpy(mine->pin, "0000", 4);
    with_name(HYPERCALL_SEAL, (u32)mine, sizeof *mine, BANK_ACCOUNT_SLOT, 0, (u32)identity);
}

/* A quote of its own for the bank's nonce, about what the trusted guest has answered. */
static void attest_foreign(const u8 *answer)
{
    static u8 asked[2 * sizeof kept.nonce] ALIGNED(4);
    const struct bank_message *said = (const struct bank_message *)answer;
    memcpy(asked, said->nonce, sizeof said->nonce);
    memcpy(asked + sizeof said->nonce, said->tag, sizeof said->tag);
    with_name(HYPERCALL_ATTEST, (u32)asked, 0, 0, 0, (u32)identity);
}

/* Messages that it carries. */

static void change_payee(u8 *message) { memcpy(((struct bank_message *)message)->payee, EVIL, sizeof EVIL); }

/* Keyboard and screen: what is typed and shown for the guest in front. */

static void tell(u16 port, u8 byte)
{
    while (in8(PORT_KBC_STATUS) & KBC_STATUS_INPUT_FULL)
        ;
    out8(port, byte);
}

static void log_keys(void)
{
    u32 count = 0;
    tell(PORT_KBC_STATUS, KBC_WRITE_COMMAND_BYTE);
    tell(PORT_KBC_DATA, KBC_COMMAND_BYTE_SYSTEM | KBC_COMMAND_BYTE_TRANSLATE);
    tell(PORT_KBC_DATA, KEYBOARD_ENABLE);
    for (u32 n = 0; n < LOOKS && count < sizeof loot; n++) {
        if (in8(PORT_KBC_STATUS) & KBC_STATUS_OUTPUT_FULL)
            loot[count++] = in8(PORT_KBC_DATA);
        else
            hypercall(HYPERCALL_YIELD, 0, 0, 0);
    }
}

static void read_screen(void) { memcpy(loot, (const void *)ROW_OF_PAYEE, 2 * VGA_COLUMNS); }

static void show(volatile u16 *cells, const char *text, u16 colours)
{
    for (; *text; text++)
        *cells++ = (u16)(colours | (u8)*text);
}

static void write_screen(void)
{
    for (u32 n = 0; n < LOOKS; n++) {
        show((volatile u16 *)ROW_OF_PAYEE + PAYEE_COLUMN, EVIL " ", 0x0F00);
        hypercall(HYPERCALL_YIELD, 0, 0, 0);
    }
}

static void write_line(u32 line) { show((volatile u16 *)line, "2 bank", 0x1F00); }

static void forge_line(void)
{
    map_page(kernel_directory, WINDOW, PHYSICAL_TRUSTED_LINE, PTE_PRESENT | PTE_WRITE | PTE_UNCACHED);
    guarded(write_line, WINDOW);
}

static const struct {
    const char *name;
    void (*act)(void);
} acts[] = {
    {"log_keys", log_keys}, {"read_screen", read_screen}, {"write_screen", write_screen}, {"forge_line", forge_line},
    {"map_read", map_read}, {"map_write", map_write}, {"dma_read", dma_read}, {"dma_write", dma_write}, {"send_foreign", send_foreign},
    {"unseal_foreign", unseal_foreign}, {"seal_foreign", seal_foreign},
};

static enum { NOTHING, ACT, ATTEST, CHANGE_ORDER, REPLAY_ORDER } chosen;
static void (*chosen_act)(void);

int attack_choose(const char *name, u32 at, u32 peer)
{
    target = at;
    trusted = peer;
    if (strcmp(name, "attest_foreign") == 0)
        chosen = ATTEST;
    if (strcmp(name, "change_order") == 0)
        chosen = CHANGE_ORDER;
    if (strcmp(name, "replay_order") == 0)
        chosen = REPLAY_ORDER;
    for (u32 n = 0; n < sizeof acts / sizeof acts[0]; n++)
        if (strcmp(name, acts[n].name) == 0)
            chosen = ACT, chosen_act = acts[n].act;
    return chosen != NOTHING;
}

void attack_peer(const u8 name[IDENTITY_SIZE]) { memcpy(identity, name, IDENTITY_SIZE); }

static int is_kind(const u8 *message, u32 size, u32 kind)
{
    return size == sizeof kept && ((const struct bank_message *)message)->kind == kind;
}

/* An order is changed, or, once one has been paid, the old one goes in the place of the next. */
u32 attack_before(u8 *message, u32 size)
{
    if (!is_kind(message, size, BANK_ORDER))
        return size;
    if (chosen == CHANGE_ORDER)
        change_payee(message);
    if (chosen == REPLAY_ORDER && kept.magic)
        memcpy(message, &kept, sizeof kept);
    memcpy(&kept, message, sizeof kept);
    return size;
}

/* While the user is asked. */
void attack_behind(const u8 *message, u32 size)
{
    if (chosen != ACT || tried || !is_kind(message, size, BANK_ORDER))
        return;
    tried = 1;
    for (u32 n = 0; n < TURNS; n++)
        hypercall(HYPERCALL_YIELD, 0, 0, 0);
    print("market: attacking\n");
    chosen_act();
    print("market: attacked\n");
}

void attack_answer(const u8 *message, u32 size)
{
    if (chosen == ATTEST && is_kind(message, size, BANK_ANSWER))
        attest_foreign(message);
}
