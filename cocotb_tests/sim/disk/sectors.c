/* Uses the disk as a driver would: finds the controller by PCI, reads a sector by programmed I/O, writes one by DMA, flushes.
   Exit code 0: all is well; 1: no drive; 2: no controller; 3: an error; 4: what was written does not read back. */
#include "ringfence.h"

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

__asm__(".globl start\n"
        ".long 0x1BADB002, 0, -0x1BADB002\n"
        "start: mov $stack_top, %esp\n call main\n mov $0xF4, %edx\n out %al, %dx\n hlt\n"
        ".bss\n .balign 16\n .skip 4096\nstack_top:\n .text\n");

#define BAR4 0xC000
#define LOW 1 /* sectors */
#define HIGH 2
#define WORDS (IDE_SECTOR_SIZE / 4)

static inline void outb(u16 port, u8 v) { __asm__ volatile("outb %0, %1" ::"a"(v), "d"(port)); }
static inline void outw(u16 port, u16 v) { __asm__ volatile("outw %0, %1" ::"a"(v), "d"(port)); }
static inline void outl(u16 port, u32 v) { __asm__ volatile("outl %0, %1" ::"a"(v), "d"(port)); }
static inline u8 inb(u16 port) { u8 v; __asm__ volatile("inb %1, %0" : "=a"(v) : "d"(port)); return v; }
static inline u32 inl(u16 port) { u32 v; __asm__ volatile("inl %1, %0" : "=a"(v) : "d"(port)); return v; }
static inline void insw(void *to, u32 count) {
    __asm__ volatile("cld; rep insw" : "+D"(to), "+c"(count) : "d"(PORT_IDE_PRIMARY) : "memory");
}
static inline void insl(void *to, u32 count) {
    __asm__ volatile("cld; rep insl" : "+D"(to), "+c"(count) : "d"(PORT_IDE_PRIMARY) : "memory");
}

static u32 buffer[WORDS] __attribute__((aligned(16))), again[WORDS];
static volatile u32 table[4] __attribute__((aligned(8)));

static void config(u32 offset) { outl(PORT_PCI_ADDRESS, PCI_IDE | (offset & ~3u)); }

static u8 ready(void) {
    while (inb(PORT_IDE_PRIMARY_CONTROL) & IDE_STATUS_BSY) {}
    return inb(PORT_IDE_PRIMARY + IDE_STATUS);
}

static void command(u8 code, u32 sector) {
    outb(PORT_IDE_PRIMARY + IDE_DEVICE, IDE_DEVICE_LBA);
    outb(PORT_IDE_PRIMARY + IDE_SECTOR_COUNT, 1);
    outb(PORT_IDE_PRIMARY + IDE_LBA_LOW, sector);
    outb(PORT_IDE_PRIMARY + IDE_LBA_MID, 0);
    outb(PORT_IDE_PRIMARY + IDE_LBA_HIGH, 0);
    outb(PORT_IDE_PRIMARY + IDE_COMMAND, code);
}

int main(void) {
    config(PCI_CONFIG_VENDOR_ID);
    if (inl(PORT_PCI_DATA) != PCI_IDE_ID) return 2;
    config(PCI_CONFIG_BAR4);
    outl(PORT_PCI_DATA, BAR4);
    config(PCI_CONFIG_IDE_TIMING_PRIMARY);
    outw(PORT_PCI_DATA, PCI_IDE_TIMING_DECODE);
    config(PCI_CONFIG_COMMAND);
    outw(PORT_PCI_DATA, PCI_COMMAND_IO | PCI_COMMAND_BUS_MASTER);
    u8 status = ready();
    if (status == 0 || status == 0xFF) return 1;

    command(ATA_READ_SECTORS, LOW);
    if (!(ready() & IDE_STATUS_DRQ)) return 3;
    insw(buffer, 2 * WORDS);
    for (int n = 0; n < 16; n++) outb(PORT_DEBUG_CONSOLE, ((u8 *)buffer)[n]);
    for (int n = 0; n < WORDS; n++) buffer[n] = ~buffer[n];

    table[0] = (u32)buffer; /* two regions: the first ends in the middle of a word */
    table[1] = 6;
    table[2] = (u32)buffer + 6;
    table[3] = (IDE_SECTOR_SIZE - 6) | PRD_FLAG_END_OF_TABLE;
    outl(BAR4 + BMIDE_DESCRIPTOR_TABLE, (u32)table);
    outb(BAR4 + BMIDE_STATUS, BMIDE_STATUS_ERROR | BMIDE_STATUS_INTERRUPT);
    outb(BAR4 + BMIDE_COMMAND, BMIDE_COMMAND_START);
    command(ATA_WRITE_DMA, HIGH);
    while (!(inb(BAR4 + BMIDE_STATUS) & BMIDE_STATUS_INTERRUPT)) {}
    if (inb(BAR4 + BMIDE_STATUS) & (BMIDE_STATUS_ERROR | BMIDE_STATUS_ACTIVE)) return 3;
    outb(BAR4 + BMIDE_COMMAND, 0);
    if (ready() & IDE_STATUS_ERR) return 3;
    command(ATA_FLUSH_CACHE, 0);
    if (ready() & IDE_STATUS_ERR) return 3;

    command(ATA_READ_SECTORS, HIGH);
    if (!(ready() & IDE_STATUS_DRQ)) return 3;
    insl(again, WORDS);
    for (int n = 0; n < WORDS; n++)
        if (again[n] != buffer[n]) return 4;
    return 0;
}
