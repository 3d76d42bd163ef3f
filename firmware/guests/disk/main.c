/*
 * The disk driver at work: finds controller and drive, writes and reads by DMA in every shape that a descriptor table can have, compares,
 * and sees that what fails is reported and that the drive goes on afterwards. Overwrites the disk, of at least 512 sectors.
 *
 * Command line: irq=0 (poll, instead of waiting for IRQ 14), patience=N (polls before a command is given up); and instead of all that:
 * hostile=ADDRESS (transfers to and from that machine address), share=TAG and park=ADDRESS (disk.h). Status 0 if all was right.
 */
#include "guests/disk/disk.h"
#include "guests/kernel/ide.h"
#include "guests/kernel/paging.h"
#include "guests/kernel/traps.h"
#include "lib/cpu.h"
#include "lib/pic.h"
#include "lib/platform.h"
#include "lib/string.h"
#include "ringfence.h"

#define DEFAULT_PATIENCE 1000000u
#define FAILED_NO_DRIVE 1
#define FAILED_REPORT 4
#define HOSTILE_SECTOR 50u
#define BLOCK_SECTORS 4u
#define BLOCKS_SECTORS 10u /* two blocks and a half */
#define LARGE_SECTORS IDE_MAX_SECTORS
#define LARGE_FILLED 16u /* bytes at the beginning of each sector */

static u32 own_table[2] ALIGNED(16);

void must(const char *what, enum ide_result result)
{
    if (result == IDE_OK)
        return;
    print("%s: %s\n", what, ide_result_name(result));
    finish(FAILED_TRANSFER);
}

static void must_be(const char *what, enum ide_result result, enum ide_result wanted)
{
    print("%s: %s\n", what, ide_result_name(result));
    if (result != wanted)
        finish(FAILED_REPORT);
}

static void fill(u8 *at, u32 bytes, u32 seed)
{
    for (u32 *word = (u32 *)at; bytes; bytes -= 4)
        *word++ = seed = seed * 1664525 + 1013904223;
}

static u32 sum(const u8 *at, u32 bytes)
{
    u32 result = 0;
    for (; bytes >= 4; bytes -= 4, at += 4)
        result = (result << 5 | result >> 27) ^ *(const u32 *)at;
    for (; bytes; bytes--)
        result = (result << 5 | result >> 27) ^ *at++;
    return result;
}

static void must_be_same(const char *what, const u8 *a, const u8 *b, u32 bytes)
{
    u32 at = 0;
    while (at + 4 <= bytes && *(const u32 *)(a + at) == *(const u32 *)(b + at))
        at += 4;
    while (at < bytes && a[at] == b[at])
        at++;
    if (at == bytes)
        return;
    print("%s: byte %u is %x, not %x\n", what, at, b[at], a[at]);
    finish(FAILED_COMPARE);
}

static void compare(const char *what, const u8 *a, const u8 *b, u32 bytes)
{
    must_be_same(what, a, b, bytes);
    print("%s: %u bytes, sum %x\n", what, bytes, sum(a, bytes));
}

static void write_and_read(const char *what, u32 sector, u32 count, const struct ide_region *from, u32 froms,
                           const struct ide_region *to, u32 tos)
{
    memset(TARGET, 0, count * IDE_SECTOR_SIZE);
    must(what, ide_write(sector, count, from, froms));
    must(what, ide_flush());
    must(what, ide_read(sector, count, to, tos));
}

static void one_region(void)
{
    const struct ide_region from = {SOURCE, 4 * IDE_SECTOR_SIZE}, to = {TARGET, 4 * IDE_SECTOR_SIZE};
    fill(SOURCE, 4 * IDE_SECTOR_SIZE, 1);
    write_and_read("one region", 8, 4, &from, 1, &to, 1);
    compare("one region", SOURCE, TARGET, 4 * IDE_SECTOR_SIZE);
    must("data port", ide_read_pio(9, TARGET));
    compare("data port", SOURCE + IDE_SECTOR_SIZE, TARGET, IDE_SECTOR_SIZE);
}

/* Gathered from pieces with holes between them, scattered into others. */
static void many_regions(void)
{
    static const u16 lengths[] = {2, 510, 1030, 6, 1524, 1024}; /* 8 sectors */
    struct ide_region from[6], to[3];
    u8 *gathered = SOURCE + 0x8000, *at = SOURCE, *wanted = gathered;
    fill(SOURCE, 0x4000, 2);
    for (u32 i = 0; i < 6; i++) {
        from[i] = (struct ide_region){at, lengths[i]};
        memcpy(wanted, at, lengths[i]);
        at += lengths[i] + 64, wanted += lengths[i];
    }
    to[0] = (struct ide_region){TARGET + 0x2000, 3000};
    to[1] = (struct ide_region){TARGET, 2};
    to[2] = (struct ide_region){TARGET + 0x1002, 1094};
    memset(TARGET, 0, 0x4000);
    write_and_read("many regions", 100, 8, from, 6, to, 3);
    compare("first of three", gathered, TARGET + 0x2000, 3000);
    compare("second", gathered + 3000, TARGET, 2);
    compare("third", gathered + 3002, TARGET + 0x1002, 1094);
}

static void across_64_kib(void)
{
    const struct ide_region from = {(u8 *)(BORDER - 700), 4 * IDE_SECTOR_SIZE}, to = {TARGET, 4 * IDE_SECTOR_SIZE};
    fill((u8 *)(BORDER - 700), 4 * IDE_SECTOR_SIZE, 3);
    write_and_read("across 64 KiB", 17, 4, &from, 1, &to, 1);
    compare("across 64 KiB", from.start, TARGET, 4 * IDE_SECTOR_SIZE);
}

/* The longest command, in descriptors of the longest region. */
static void large(void)
{
    const struct ide_region from = {(u8 *)BORDER, LARGE_SECTORS * IDE_SECTOR_SIZE}, to = {TARGET, LARGE_SECTORS * IDE_SECTOR_SIZE};
    memset((void *)BORDER, 0, LARGE_SECTORS * IDE_SECTOR_SIZE);
    for (u32 n = 0; n < LARGE_SECTORS; n++) /* each sector differs; to fill and compare them whole takes longer than to move them */
        fill((u8 *)BORDER + n * IDE_SECTOR_SIZE, LARGE_FILLED, 4 + n);
    write_and_read("longest command", 200, LARGE_SECTORS, &from, 1, &to, 1);
    for (u32 n = 0; n < LARGE_SECTORS; n++)
        must_be_same("longest command", (u8 *)BORDER + n * IDE_SECTOR_SIZE, TARGET + n * IDE_SECTOR_SIZE, LARGE_FILLED);
    print("longest command: %u sectors\n", LARGE_SECTORS);
}

/* By the data port, each block with an interrupt. */
static void in_blocks(void)
{
    fill(SOURCE, BLOCKS_SECTORS * IDE_SECTOR_SIZE, 300);
    memset(TARGET, 0, BLOCKS_SECTORS * IDE_SECTOR_SIZE);
    must("set multiple mode", ide_set_block(BLOCK_SECTORS));
    u32 before = ide_drive.interrupts;
    must("write multiple", ide_write_blocks(60, BLOCKS_SECTORS, SOURCE));
    must("read multiple", ide_read_blocks(60, BLOCKS_SECTORS, TARGET));
    print("in blocks: %u interrupts\n", ide_drive.interrupts - before);
    compare("in blocks", SOURCE, TARGET, BLOCKS_SECTORS * IDE_SECTOR_SIZE);
}

static enum ide_result with_table(u32 sector, int write, u32 address, u32 length)
{
    own_table[0] = address;
    own_table[1] = length | PRD_FLAG_END_OF_TABLE;
    return ide_transfer(sector, 1, write, machine_address(own_table));
}

static void failures(void)
{
    const struct ide_region sector = {TARGET, IDE_SECTOR_SIZE}, odd = {TARGET + 1, IDE_SECTOR_SIZE};
    must_be("an odd address", ide_read(0, 1, &odd, 1), IDE_BAD_REQUEST);
    must_be("two sectors into one", ide_read(0, 2, &sector, 1), IDE_BAD_REQUEST);
    must_be("blocks of three", ide_set_block(3), IDE_REFUSED);
    must_be("a sector that is not there", ide_read(ide_drive.sectors, 1, &sector, 1), IDE_REFUSED);
    must_be("a write there", ide_write(ide_drive.sectors, 1, &sector, 1), IDE_REFUSED);
    must_be("a table that ends early", with_table(8, 0, machine_address(TARGET), IDE_SECTOR_SIZE / 2), IDE_SHORT_TABLE);
    one_region();
}

/* What happens depends on who stands between; the drive works afterwards. */
static void hostile(u32 address)
{
    print("read from %x: %s\n", address, ide_result_name(with_table(HOSTILE_SECTOR, 1, address, IDE_SECTOR_SIZE)));
    print("write to %x: %s\n", address, ide_result_name(with_table(HOSTILE_SECTOR + 1, 0, address, IDE_SECTOR_SIZE)));
    print("table at %x: %s\n", address, ide_result_name(ide_transfer(HOSTILE_SECTOR, 1, 0, address)));
    one_region();
}

int main(void)
{
    int irq = (int)parameter("irq", 1);
    u32 patience = parameter("patience", DEFAULT_PATIENCE);
    paging_init();
    traps_init();
    pic_init();
    interrupts_on();
    if (parameter("share", 0))
        share(parameter("share", 0), irq, patience);
    enum ide_result result = ide_init(irq, patience);
    if (result != IDE_OK) {
        print("disk: %s\n", ide_result_name(result));
        return FAILED_NO_DRIVE;
    }
    print("disk: %u sectors\n", ide_drive.sectors);
    if (parameter("park", 0))
        park(parameter("park", 0));
    if (parameter("hostile", 0)) {
        hostile(parameter("hostile", 0));
        return 0;
    }
    must("data port", ide_read_pio(0, TARGET));
    print("sector 0: sum %x\n", sum(TARGET, IDE_SECTOR_SIZE));
    one_region();
    many_regions();
    across_64_kib();
    large();
    in_blocks();
    failures();
    print("disk: done, %s\n", ide_drive.interrupts ? "by interrupt" : "by polling");
    return 0;
}
