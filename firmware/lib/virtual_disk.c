#include "lib/virtual_disk.h"
#include "lib/channel.h"
#include "lib/string.h"

#define WORD(offset) ((offset) / 4)

/* One request and its answer; `value` may be NULL. */
static int ask(struct virtual_disk *disk, u32 operation, u32 sector, u32 count, u32 *value)
{
    u32 request[WORD(VDISK_REQUEST_SIZE)] = {0}, answer[WORD(VDISK_ANSWER_SIZE)];
    request[WORD(VDISK_REQUEST_AT_OPERATION)] = operation;
    request[WORD(VDISK_REQUEST_AT_TAG)] = ++disk->tag;
    request[WORD(VDISK_REQUEST_AT_SECTOR)] = sector;
    request[WORD(VDISK_REQUEST_AT_COUNT)] = count;
    channel_send(disk->driver, request, sizeof request, WAIT); /* if there is none to send to, there may be a last word */
    if (channel_receive(disk->driver, answer, sizeof answer, WAIT) != sizeof answer)
        return VDISK_GONE;
    if (answer[WORD(VDISK_ANSWER_AT_STATUS)] == VDISK_STATUS_NO_PARTITION)
        return VDISK_STATUS_NO_PARTITION;
    if (answer[WORD(VDISK_ANSWER_AT_TAG)] != disk->tag)
        return VDISK_GONE;
    if (value)
        *value = answer[WORD(VDISK_ANSWER_AT_VALUE)];
    return (int)answer[WORD(VDISK_ANSWER_AT_STATUS)];
}

int vdisk_open(struct virtual_disk *disk, u32 driver, void *page)
{
    disk->driver = driver, disk->page = page, disk->tag = 0;
    if (channel_open(driver, disk->identity, WAIT) != STATUS_OK)
        return VDISK_GONE;
    channel_share(driver, page); /* CLOSED already if there is no partition: the driver says so */
    int status = ask(disk, VDISK_SIZE, 0, 0, &disk->sectors);
    if (status != VDISK_STATUS_OK)
        vdisk_close(disk);
    return status;
}

int vdisk_read(struct virtual_disk *disk, u32 sector, u32 count, void *to)
{
    for (u8 *at = to; count;) {
        u32 piece = count < VDISK_PAGE_SECTORS ? count : VDISK_PAGE_SECTORS;
        int status = ask(disk, VDISK_READ, sector, piece, NULL);
        if (status != VDISK_STATUS_OK)
            return status;
        memcpy(at, disk->page, piece * IDE_SECTOR_SIZE);
        sector += piece, count -= piece, at += piece * IDE_SECTOR_SIZE;
    }
    return VDISK_STATUS_OK;
}

int vdisk_write(struct virtual_disk *disk, u32 sector, u32 count, const void *from)
{
    for (const u8 *at = from; count;) {
        u32 piece = count < VDISK_PAGE_SECTORS ? count : VDISK_PAGE_SECTORS;
        memcpy(disk->page, at, piece * IDE_SECTOR_SIZE);
        int status = ask(disk, VDISK_WRITE, sector, piece, NULL);
        if (status != VDISK_STATUS_OK)
            return status;
        sector += piece, count -= piece, at += piece * IDE_SECTOR_SIZE;
    }
    return VDISK_STATUS_OK;
}

int vdisk_flush(struct virtual_disk *disk) { return ask(disk, VDISK_FLUSH, 0, 0, NULL); }

void vdisk_close(struct virtual_disk *disk) { channel_close(disk->driver); }
