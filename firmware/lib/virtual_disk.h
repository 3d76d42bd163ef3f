/* The client's side of a disk that a driver guest shares out (contracts/virtual_disk.py). Results are VDISK_STATUS_, or VDISK_GONE. */
#ifndef VIRTUAL_DISK_H
#define VIRTUAL_DISK_H

#include "lib/types.h"
#include "ringfence.h"

#define VDISK_GONE (-1) /* there is no driver guest, or no more, or it does not keep to the protocol */

struct virtual_disk {
    u32 driver;  /* its partition of the kernel */
    u32 sectors; /* of the client's part of the disk */
    u32 tag;
    u8 *page;                    /* whole and aligned; the channel's while the disk is open */
    u8 identity[IDENTITY_SIZE] ALIGNED(IDENTITY_SIZE); /* the driver's: whether that is whom the caller wants is for the caller to say */
};

/* Asks that guest for the disk, and waits for it; what is in the page is lost. */
int vdisk_open(struct virtual_disk *disk, u32 driver, void *page);

/* Any number of sectors; what fails half way has been done up to there. */
int vdisk_read(struct virtual_disk *disk, u32 sector, u32 count, void *to);
int vdisk_write(struct virtual_disk *disk, u32 sector, u32 count, const void *from);

/* What was written is on the medium when it returns. */
int vdisk_flush(struct virtual_disk *disk);

/* The page is the caller's again, and clean. */
void vdisk_close(struct virtual_disk *disk);

#endif
