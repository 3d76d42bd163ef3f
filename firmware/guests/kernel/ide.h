/*
 * Driver of a PIIX-like bus-mastering IDE controller, found by PCI scan; the first channel's first drive. One command at a time.
 * A transfer that is refused or fails is reported, and the channel is brought back before the call returns.
 */
#ifndef IDE_H
#define IDE_H

#include "lib/types.h"
#include "ringfence.h"

#define IDE_MAX_SECTORS 256u /* of one command */
#define IDE_MAX_REGIONS 32u

enum ide_result {
    IDE_OK,
    IDE_ABSENT,      /* no controller, or no drive that does DMA; or it has been taken away, perhaps in the middle of this call */
    IDE_BAD_REQUEST, /* regions and sectors do not fit, or an address is odd: nothing was started */
    IDE_REFUSED,     /* the drive answered with an error: a sector that it does not have, say */
    IDE_BUS_ERROR,   /* an access to memory was answered with an error: of the table, or of what it points to */
    IDE_SHORT_TABLE, /* the table ended before the transfer did */
    IDE_TIMEOUT,     /* no answer within the driver's patience */
};

/* A piece of memory: any even address and length. */
struct ide_region {
    void *start;
    u32 length;
};

struct ide_drive {
    u32 sectors;
    volatile u32 interrupts; /* taken so far */
    u32 function;            /* as pci_read names it */
    u16 bus_master;          /* first of its ports */
};

extern struct ide_drive ide_drive;

const char *ide_result_name(enum ide_result result);

/* Finds controller and drive, resets the channel, switches decoding and bus mastering on. `interrupts`: wait by IRQ 14 (traps and PIC are
 * the caller's), not by polling. `patience`: polls after which a command is given up. */
enum ide_result ide_init(int interrupts, u32 patience);

/* One command by DMA; the regions, in order, hold count sectors. */
enum ide_result ide_read(u32 sector, u32 count, const struct ide_region *regions, u32 number);
enum ide_result ide_write(u32 sector, u32 count, const struct ide_region *regions, u32 number);

/* One sector through the data port. */
enum ide_result ide_read_pio(u32 sector, void *to);

/* Through the data port in blocks of `size` sectors, an interrupt each; a failure of any command disables them until they are set again. */
enum ide_result ide_set_block(u32 size);
enum ide_result ide_read_blocks(u32 sector, u32 count, void *to);
enum ide_result ide_write_blocks(u32 sector, u32 count, const void *from);

/* What was written is on the medium when it returns. */
enum ide_result ide_flush(void);

/* As ide_read and ide_write, with a descriptor table of the caller's own (at `table`, a physical address): for tests. */
enum ide_result ide_transfer(u32 sector, u32 count, int write, u32 table);

/* Starts a transfer and leaves it alone: for tests of what happens to a device that is busy. */
void ide_start(u32 sector, u32 count, int write, u32 table);

#endif
