#include "guests/disk_driver/requests.h"
#include "lib/string.h"

static u32 word(const u8 *at) { return at[0] | (u32)at[1] << 8 | (u32)at[2] << 16 | (u32)at[3] << 24; }

static int apart(const struct partition *a, const struct partition *b)
{
    if (memcmp(a->identity, b->identity, IDENTITY_SIZE) == 0)
        return 0;
    return a->first < b->first ? b->first - a->first >= a->sectors : a->first - b->first >= b->sectors;
}

int read_table(const u8 *sector, u32 disk_sectors, struct partition *partitions)
{
    u32 count = word(sector + VDISK_TABLE_AT_COUNT);
    if (word(sector + VDISK_TABLE_AT_MAGIC) != VDISK_TABLE_MAGIC || count > VDISK_MAX_PARTITIONS)
        return -1;
    for (u32 n = 0; n < count; n++) {
        const u8 *entry = sector + VDISK_TABLE_AT_ENTRIES + n * VDISK_ENTRY_SIZE;
        struct partition *p = &partitions[n];
        memcpy(p->identity, entry + VDISK_ENTRY_AT_IDENTITY, IDENTITY_SIZE);
        p->first = word(entry + VDISK_ENTRY_AT_FIRST);
        p->sectors = word(entry + VDISK_ENTRY_AT_SECTORS);
        if (!p->sectors || p->first <= VDISK_TABLE_SECTOR || p->first >= disk_sectors || p->sectors > disk_sectors - p->first)
            return -1;
        for (u32 other = 0; other < n; other++)
            if (!apart(&partitions[other], p))
                return -1;
    }
    return (int)count;
}

const struct partition *find_partition(const struct partition *partitions, int count, const u8 *identity)
{
    for (int n = 0; n < count; n++)
        if (memcmp(partitions[n].identity, identity, IDENTITY_SIZE) == 0)
            return &partitions[n];
    return NULL;
}

u32 check_request(const struct request *request, const struct partition *partition, u32 *where)
{
    if (request->operation == VDISK_SIZE || request->operation == VDISK_FLUSH)
        return request->sector | request->count | request->place ? VDISK_STATUS_BAD_REQUEST : VDISK_STATUS_OK;
    if (request->operation != VDISK_READ && request->operation != VDISK_WRITE)
        return VDISK_STATUS_BAD_REQUEST;
    if (!request->count || request->count > VDISK_PAGE_SECTORS || request->place > VDISK_PAGE_SECTORS - request->count)
        return VDISK_STATUS_BAD_REQUEST;
    if (request->sector >= partition->sectors || request->count > partition->sectors - request->sector)
        return VDISK_STATUS_OUT_OF_RANGE;
    *where = partition->first + request->sector;
    return VDISK_STATUS_OK;
}
