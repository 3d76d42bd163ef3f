/* A disk that does not stay: taken away in the middle of its work, or left with work for whoever gets it next. */
#include "guests/disk/disk.h"
#include "guest_layout.h"
#include "guests/kernel/paging.h"
#include "lib/cpu.h"
#include "lib/pci.h"
#include "lib/platform.h"
#include "ringfence.h"

#define TAG_SHIFT 24
#define ROUND_SHIFT 16 /* numbers of words below */
#define ROUND_MASK 0xFFu
#define TURN_SECTORS 2u
#define PIECES 4u
#define SHARE_BYTES (DISK_SHARE_SECTORS * IDE_SECTOR_SIZE)
#define PARK_PATIENCE 100u
#define DEVICE_LBA (0xA0 | IDE_DEVICE_LBA)

static u32 table[2] ALIGNED(16);

/* Time passes for others. */
static void rest(void)
{
    if (above_isolation_kernel())
        hypercall(HYPERCALL_YIELD, 0, 0, 0);
}

static void mark(u8 *at, u32 bytes, u32 word)
{
    for (u32 *w = (u32 *)at; bytes; bytes -= 4)
        *w++ = word++;
}

/* Writes TURN_SECTORS, reads them back, compares. What is lost on the way is no failure; what is there and wrong is. */
static enum ide_result turn(u32 sector, u32 word, u32 round)
{
    const struct ide_region from = {SOURCE, TURN_SECTORS * IDE_SECTOR_SIZE}, to = {TARGET, TURN_SECTORS * IDE_SECTOR_SIZE};
    mark(SOURCE, from.length, word);
    mark(TARGET, to.length, ~word);
    enum ide_result result = ide_write(sector, TURN_SECTORS, &from, 1);
    if (result == IDE_OK)
        result = ide_flush();
    if (result == IDE_OK)
        result = ide_read(sector, TURN_SECTORS, &to, 1);
    if (result != IDE_OK)
        return result;
    for (u32 n = 0; n < to.length / 4; n++)
        if (((u32 *)TARGET)[n] != word + n) {
            print("turn %u: word %u is %x\n", round, n, ((u32 *)TARGET)[n]);
            finish(FAILED_COMPARE);
        }
    print("turn %u\n", round);
    return IDE_OK;
}

/* The pieces of a long transfer, with holes between them. */
static void cut(struct ide_region *pieces, u8 *at)
{
    for (u32 n = 0; n < PIECES; n++)
        pieces[n] = (struct ide_region){at + n * (SHARE_BYTES / PIECES + PAGE_SIZE), SHARE_BYTES / PIECES};
}

void share(u32 tag, int irq, u32 patience)
{
    const u32 first = tag * DISK_SHARE_SECTORS, mine = tag << TAG_SHIFT;
    struct ide_region from[PIECES], to[PIECES];
    cut(from, SOURCE);
    cut(to, TARGET);
    for (u32 n = 0; n < PIECES; n++)
        mark(from[n].start, from[n].length, mine | n * from[n].length / 4);
    for (u32 round = 0;;) {
        enum ide_result result = ide_init(irq, patience);
        if (result == IDE_OK)
            result = turn(first, mine | (round & ROUND_MASK) << ROUND_SHIFT, round);
        if (result == IDE_OK)
            round++;
        while (result == IDE_OK) /* in one direction as long as it has the disk, in the other the next time */
            result = round & 1 ? ide_write(first, DISK_SHARE_SECTORS, from, PIECES) : ide_read(first, DISK_SHARE_SECTORS, to, PIECES);
        rest();
    }
}

void park(u32 address)
{
    table[0] = address - IDE_SECTOR_SIZE; /* two sectors: the second one crosses the end of what is ours */
    table[1] = 2 * IDE_SECTOR_SIZE | PRD_FLAG_END_OF_TABLE;
    ide_start(DISK_PARK_SECTOR, 1, 0, machine_address(table));
    while (!(in8(ide_drive.bus_master + BMIDE_STATUS) & BMIDE_STATUS_INTERRUPT))
        ;
    /* The bus master has half of the region left. It must not master the bus when the drive asks for the rest. */
    u32 both = pci_read(ide_drive.function, PCI_CONFIG_COMMAND) & 0xFFFF;
    pci_write(ide_drive.function, PCI_CONFIG_COMMAND, both & ~PCI_COMMAND_BUS_MASTER);
    out8(PORT_IDE_PRIMARY + IDE_DEVICE, DEVICE_LBA);
    out8(PORT_IDE_PRIMARY + IDE_SECTOR_COUNT, 1);
    out8(PORT_IDE_PRIMARY + IDE_LBA_LOW, DISK_PARK_SECTOR);
    out8(PORT_IDE_PRIMARY + IDE_LBA_MID, 0);
    out8(PORT_IDE_PRIMARY + IDE_LBA_HIGH, 0);
    out8(PORT_IDE_PRIMARY + IDE_COMMAND, ATA_READ_DMA);
    for (u32 n = 0; n < PARK_PATIENCE; n++)
        in8(PORT_IDE_PRIMARY_CONTROL); /* it says BSY until somebody has taken the sector from its buffer */
    print("parked\n");
    for (;;)
        rest();
}
