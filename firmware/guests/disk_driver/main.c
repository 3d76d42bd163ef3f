/*
 * A driver guest: it has the disk, and gives each client a partition of it over a channel (contracts/virtual_disk.py). It has no other
 * authority, and holds nothing of a client's but the page that the client shares.
 *
 * Command line: guests=N, the highest number of a partition of the kernel that may be a client (8); stay=1, not to end when there is nobody
 * left who may be one. Status 0, or 1 without a disk, 2 if the disk has no table of partitions.
 */
#include "guests/disk_driver/clients.h"
#include "guests/kernel/ide.h"
#include "guests/kernel/process.h"
#include "guests/kernel/traps.h"
#include "lib/channel.h"
#include "lib/platform.h"
#include "ringfence.h"

#define PATIENCE 1000000u /* polls of the disk: an interrupt for each transfer costs exits */
#define HIGHEST_NUMBER 8u
#define FAILED_NO_DISK 1
#define FAILED_NO_TABLE 2

static struct partition partitions[VDISK_MAX_PARTITIONS];

/* No processes here. */
struct frame *timer_tick(struct frame *frame) { return frame; }
struct frame *system_call(struct frame *frame) { return frame; }
int demand_page(u32 address, u32 error) { return (void)address, (void)error, 0; }

static int open_disk(void)
{
    static u8 sector[IDE_SECTOR_SIZE] ALIGNED(IDE_SECTOR_SIZE);
    const struct ide_region region = {sector, sizeof sector};
    enum ide_result result = ide_init(0, PATIENCE);
    if (result == IDE_OK)
        result = ide_read(VDISK_TABLE_SECTOR, 1, &region, 1);
    if (result != IDE_OK) {
        print("disk driver: %s\n", ide_result_name(result));
        finish(FAILED_NO_DISK);
    }
    int count = read_table(sector, ide_drive.sectors, partitions);
    if (count < 0) {
        print("disk driver: no table of partitions that this disk can have in sector %u\n", VDISK_TABLE_SECTOR);
        finish(FAILED_NO_TABLE);
    }
    print("disk driver: %u sectors, %d partitions\n", ide_drive.sectors, count);
    return count;
}

/* Of who is no client somebody asks for a channel, or has ended. */
static void serve(int stay)
{
    int anybody = look_for_clients();
    while (anybody || stay)
        if (!serve_client((u32)channel_wait(WAIT)))
            anybody = look_for_clients();
}

int main(void)
{
    traps_init();
    clients_init(partitions, open_disk(), parameter("guests", HIGHEST_NUMBER));
    serve((int)parameter("stay", 0));
    ide_flush();
    print("disk driver: nobody is left to serve\n");
    return 0;
}
