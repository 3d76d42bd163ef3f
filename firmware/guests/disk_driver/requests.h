/* What the driver decides by, and nothing that acts: the table of partitions, and whether a request is one. No call, no device. */
#ifndef REQUESTS_H
#define REQUESTS_H

#include "lib/types.h"
#include "ringfence.h"

struct partition {
    u8 identity[IDENTITY_SIZE];
    u32 first, sectors;
};

struct request {
    u32 operation, tag, sector, count, place;
};

struct answer {
    u32 status, tag, value;
};

/* The number of partitions that the table's sector tells of, for a disk of so many sectors; -1 if it is no table, or one that cannot be. */
int read_table(const u8 *sector, u32 disk_sectors, struct partition *partitions);

/* The partition of that identity, or NULL. */
const struct partition *find_partition(const struct partition *partitions, int count, const u8 *identity);

/* VDISK_STATUS_OK, and for READ and WRITE the sector of the disk in `where`: then all of it is in the partition, and in the page. */
u32 check_request(const struct request *request, const struct partition *partition, u32 *where);

#endif
