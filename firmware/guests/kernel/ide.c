#include "guests/kernel/ide.h"
#include "guests/kernel/traps.h"
#include "lib/cpu.h"
#include "lib/pci.h"
#include "lib/platform.h"
#include "ringfence.h"

#define REGION_LIMIT 0x10000u /* a descriptor's region neither crosses this nor is longer */
#define GRACE 16u             /* polls between the end of the table and the drive's interrupt */
#define LONGEST_PAUSE 2000u   /* turns of a loop between two polls */
#define RESET_PULSE 200u      /* reads of the status port: more than the 5 microseconds that ATA asks for */
#define WORDS (IDE_SECTOR_SIZE / 2)
#define FLOATING 0xFFu /* what a port reads as behind which nothing is (any more) */

#define CLASS_IDE 0x0101u
#define BAR_FLAGS 3u
#define PLACE 0xC000u
#define DEVICE_LBA (0xA0 | IDE_DEVICE_LBA) /* the first drive; bits 7 and 5 were always 1 */
#define COUNT_MASK 0xFFFFu
#define CAPABLE_OF_DMA 0x0100u /* of IDENTIFY's capabilities */
#define HAS_MULTIWORD_DMA_2 0x0004u
#define MULTIWORD_DMA_MODE_2 (ATA_MODE_MULTIWORD_DMA | 2)

struct ide_drive ide_drive = {.function = PCI_NONE};
static u32 table[2 * IDE_MAX_REGIONS * 2] ALIGNED(PAGE_SIZE); /* in one page, and so within 64 KiB */
static int by_interrupt;
static u32 patience;
static u32 block_sectors; /* of READ and WRITE MULTIPLE */
static volatile int interrupted;
static volatile u8 status_at_interrupt;

const char *ide_result_name(enum ide_result result)
{
    static const char *const names[] = {"ok", "absent", "bad request", "refused by the drive", "bus error", "table too short", "timeout"};
    return names[result];
}

static u8 bus_master_status(void) { return in8(ide_drive.bus_master + BMIDE_STATUS); }

static void interrupt(void)
{
    status_at_interrupt = in8(PORT_IDE_PRIMARY + IDE_STATUS); /* ends the drive's request */
    ide_drive.interrupts++;
    interrupted = 1;
}

/* Polls come ever more slowly: the bus, or an emulator's other half, has work to do. */
static void pause(u32 polls)
{
    for (u32 turns = polls < LONGEST_PAUSE ? polls : LONGEST_PAUSE; turns; turns--)
        asm volatile("");
}

static enum ide_result wait_until_ready(u8 wanted)
{
    for (u32 polls = 0; polls < patience; pause(++polls)) {
        u8 status = in8(PORT_IDE_PRIMARY_CONTROL);
        if (status == FLOATING)
            return IDE_ABSENT;
        if (status & IDE_STATUS_BSY)
            continue;
        if (status & (IDE_STATUS_ERR | IDE_STATUS_DF))
            return IDE_REFUSED;
        if ((status & wanted) == wanted)
            return IDE_OK;
    }
    return IDE_TIMEOUT;
}

/* Whatever the channel was doing, it is idle afterwards. */
static enum ide_result reset_channel(void)
{
    out8(ide_drive.bus_master + BMIDE_COMMAND, 0);
    out8(ide_drive.bus_master + BMIDE_STATUS, BMIDE_STATUS_ERROR | BMIDE_STATUS_INTERRUPT);
    out8(PORT_IDE_PRIMARY + IDE_DEVICE, DEVICE_LBA); /* whose BSY tells of the reset: a BIOS may have looked for the other drive last */
    out8(PORT_IDE_PRIMARY_CONTROL, IDE_CONTROL_SRST | IDE_CONTROL_NIEN);
    for (u32 i = 0; i < RESET_PULSE; i++)
        if (in8(PORT_IDE_PRIMARY_CONTROL) == FLOATING)
            return IDE_ABSENT;
    out8(PORT_IDE_PRIMARY_CONTROL, 0); /* nIEN would keep the bus master from seeing the interrupt too */
    enum ide_result result = wait_until_ready(0);
    in8(PORT_IDE_PRIMARY + IDE_STATUS);
    return result;
}

static enum ide_result failed(enum ide_result result)
{
    reset_channel();
    return result;
}

static void command(u8 code, u32 sector, u32 count, u8 feature)
{
    out8(PORT_IDE_PRIMARY + IDE_DEVICE, (u8)(DEVICE_LBA | (sector >> 24 & 0xF)));
    out8(PORT_IDE_PRIMARY + IDE_FEATURES, feature);
    out8(PORT_IDE_PRIMARY + IDE_SECTOR_COUNT, (u8)count);
    out8(PORT_IDE_PRIMARY + IDE_LBA_LOW, (u8)sector);
    out8(PORT_IDE_PRIMARY + IDE_LBA_MID, (u8)(sector >> 8));
    out8(PORT_IDE_PRIMARY + IDE_LBA_HIGH, (u8)(sector >> 16));
    interrupted = 0;
    out8(PORT_IDE_PRIMARY + IDE_COMMAND, code);
}

static enum ide_result data_in(u8 code, u32 sector, u16 *to)
{
    command(code, sector, 1, 0);
    enum ide_result result = wait_until_ready(IDE_STATUS_DRQ);
    if (result != IDE_OK)
        return failed(result);
    in8(PORT_IDE_PRIMARY + IDE_STATUS);
    for (u32 i = 0; i < WORDS; i++)
        to[i] = in16(PORT_IDE_PRIMARY + IDE_DATA);
    return IDE_OK;
}

static enum ide_result without_data(u8 code, u32 count, u8 feature)
{
    command(code, 0, count, feature);
    enum ide_result result = wait_until_ready(0);
    in8(PORT_IDE_PRIMARY + IDE_STATUS);
    return result == IDE_OK ? result : failed(result);
}

enum ide_result ide_set_block(u32 size)
{
    block_sectors = size;
    return without_data(ATA_SET_MULTIPLE_MODE, size, 0);
}

/* The drive wants data, or has some; or has told so by its interrupt. */
static enum ide_result wait_for_block(int is_told, u8 wanted)
{
    for (u32 polls = 0; is_told && by_interrupt && !interrupted; pause(++polls))
        if (polls >= patience)
            return IDE_TIMEOUT;
    enum ide_result result = wait_until_ready(wanted);
    in8(PORT_IDE_PRIMARY + IDE_STATUS);
    interrupted = 0;
    return result;
}

static enum ide_result in_blocks(u32 sector, u32 count, u16 *to, const u16 *from)
{
    command(from ? ATA_WRITE_MULTIPLE : ATA_READ_MULTIPLE, sector, count, 0);
    enum ide_result result = wait_for_block(!from, IDE_STATUS_DRQ);
    while (result == IDE_OK) {
        u32 size = count < block_sectors ? count : block_sectors;
        for (u32 i = 0; i < size * WORDS; i++)
            if (from)
                out16(PORT_IDE_PRIMARY + IDE_DATA, *from++);
            else
                *to++ = in16(PORT_IDE_PRIMARY + IDE_DATA);
        count -= size;
        if (!count && !from)
            return IDE_OK;
        result = wait_for_block(1, count ? IDE_STATUS_DRQ : 0);
        if (!count)
            break;
    }
    return result == IDE_OK ? result : failed(result);
}

enum ide_result ide_read_blocks(u32 sector, u32 count, void *to) { return in_blocks(sector, count, to, 0); }

enum ide_result ide_write_blocks(u32 sector, u32 count, const void *from) { return in_blocks(sector, count, 0, from); }

enum ide_result ide_init(int interrupts, u32 polls)
{
    static u16 identity[WORDS];
    if (ide_drive.function == PCI_NONE)
        ide_drive.function = pci_find(CLASS_IDE);
    u32 function = ide_drive.function;
    if (function == PCI_NONE || pci_read(function, PCI_CONFIG_VENDOR_ID) == PCI_NONE)
        return IDE_ABSENT; /* or not there any more */
    by_interrupt = interrupts, patience = polls;
    if (!(pci_read(function, PCI_CONFIG_BAR4) & ~BAR_FLAGS))
        pci_write(function, PCI_CONFIG_BAR4, PLACE); /* no BIOS has */
    ide_drive.bus_master = (u16)(pci_read(function, PCI_CONFIG_BAR4) & ~BAR_FLAGS);
    u32 times = pci_read(function, PCI_CONFIG_IDE_TIMING_PRIMARY);
    pci_write(function, PCI_CONFIG_IDE_TIMING_PRIMARY, times | PCI_IDE_TIMING_DECODE);
    u32 both = pci_read(function, PCI_CONFIG_COMMAND) & 0xFFFF; /* zeros to STATUS change nothing there */
    pci_write(function, PCI_CONFIG_COMMAND, both | PCI_COMMAND_IO | PCI_COMMAND_BUS_MASTER);
    if (by_interrupt)
        on_interrupt(IRQ_IDE_PRIMARY, interrupt);
    enum ide_result result = reset_channel();
    if (result == IDE_OK)
        result = data_in(ATA_IDENTIFY_DEVICE, 0, identity);
    if (result == IDE_OK && !(identity[ATA_IDENTIFY_CAPABILITIES] & CAPABLE_OF_DMA))
        result = IDE_ABSENT;
    if (result != IDE_OK)
        return result == IDE_TIMEOUT ? IDE_ABSENT : result;
    ide_drive.sectors = identity[ATA_IDENTIFY_CAPACITY] | (u32)identity[ATA_IDENTIFY_CAPACITY + 1] << 16;
    if (identity[ATA_IDENTIFY_MULTIWORD_DMA] & HAS_MULTIWORD_DMA_2)
        return without_data(ATA_SET_FEATURES, MULTIWORD_DMA_MODE_2, ATA_FEATURE_SET_TRANSFER_MODE);
    return IDE_OK;
}

/* The descriptor table for regions; entries end at multiples of 64 KiB. Its number of entries, 0 if it cannot be. */
static u32 fill_table(const struct ide_region *regions, u32 number, u32 bytes)
{
    u32 entries = 0;
    for (u32 i = 0; i < number; i++) {
        u32 at = machine_address(regions[i].start), left = regions[i].length;
        if ((at | left) & 1 || left > bytes)
            return 0;
        bytes -= left;
        while (left) {
            u32 piece = REGION_LIMIT - at % REGION_LIMIT;
            piece = piece < left ? piece : left;
            if (2 * entries + 1 >= sizeof table / 4)
                return 0;
            table[2 * entries] = at;
            table[2 * entries + 1] = piece & COUNT_MASK; /* 64 KiB are 0 */
            entries++, at += piece, left -= piece;
        }
    }
    if (bytes || !entries)
        return 0;
    table[2 * entries - 1] |= PRD_FLAG_END_OF_TABLE;
    return entries;
}

void ide_start(u32 sector, u32 count, int write, u32 at)
{
    u8 direction = write ? 0 : BMIDE_COMMAND_TO_MEMORY;
    asm volatile("" : : : "memory"); /* table and data are written */
    out32(ide_drive.bus_master + BMIDE_DESCRIPTOR_TABLE, at);
    out8(ide_drive.bus_master + BMIDE_COMMAND, direction);
    out8(ide_drive.bus_master + BMIDE_STATUS, BMIDE_STATUS_ERROR | BMIDE_STATUS_INTERRUPT);
    command(write ? ATA_WRITE_DMA : ATA_READ_DMA, sector, count, 0);
    out8(ide_drive.bus_master + BMIDE_COMMAND, direction | BMIDE_COMMAND_START);
}

enum ide_result ide_transfer(u32 sector, u32 count, int write, u32 at)
{
    enum ide_result result = wait_until_ready(0);
    if (result != IDE_OK)
        return failed(result);
    ide_start(sector, count, write, at);
    result = IDE_TIMEOUT;
    for (u32 polls = 0, ended = 0; polls < patience; pause(++polls)) {
        u8 status = bus_master_status();
        if (status == FLOATING)
            return IDE_ABSENT;
        if (status & BMIDE_STATUS_ERROR)
            return failed(IDE_BUS_ERROR);
        if ((status & BMIDE_STATUS_INTERRUPT) && (interrupted || !by_interrupt)) {
            result = IDE_OK;
            break;
        }
        if (!(status & BMIDE_STATUS_ACTIVE) && ++ended > GRACE)
            return failed(IDE_SHORT_TABLE);
    }
    out8(ide_drive.bus_master + BMIDE_COMMAND, 0);
    u8 drive = by_interrupt ? status_at_interrupt : in8(PORT_IDE_PRIMARY + IDE_STATUS), status = bus_master_status();
    out8(ide_drive.bus_master + BMIDE_STATUS, BMIDE_STATUS_ERROR | BMIDE_STATUS_INTERRUPT);
    if (result == IDE_OK && status & BMIDE_STATUS_ERROR)
        result = IDE_BUS_ERROR;
    if (result == IDE_OK && drive & (IDE_STATUS_BSY | IDE_STATUS_DF | IDE_STATUS_ERR))
        result = IDE_REFUSED;
    return result == IDE_OK ? result : failed(result);
}

static enum ide_result transfer(u32 sector, u32 count, int write, const struct ide_region *regions, u32 number)
{
    if (!count || count > IDE_MAX_SECTORS || !fill_table(regions, number, count * IDE_SECTOR_SIZE))
        return IDE_BAD_REQUEST;
    enum ide_result result = ide_transfer(sector, count, write, machine_address(table));
    asm volatile("" : : : "memory"); /* data has arrived behind the compiler's back */
    return result;
}

enum ide_result ide_read(u32 sector, u32 count, const struct ide_region *regions, u32 number)
{
    return transfer(sector, count, 0, regions, number);
}

enum ide_result ide_write(u32 sector, u32 count, const struct ide_region *regions, u32 number)
{
    return transfer(sector, count, 1, regions, number);
}

enum ide_result ide_read_pio(u32 sector, void *to) { return data_in(ATA_READ_SECTORS, sector, to); }

enum ide_result ide_flush(void) { return without_data(ATA_FLUSH_CACHE, 0, 0); }
