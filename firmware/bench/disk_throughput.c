/* The disk natively: writes and reads `bench` sectors in calls of `call` sectors each, as the disk's client does through the driver guest. */
#include "guests/kernel/ide.h"
#include "guests/kernel/paging.h"
#include "guests/kernel/traps.h"
#include "lib/cpu.h"
#include "lib/pic.h"
#include "lib/platform.h"

#define DEFAULT_SECTORS 64u
#define DEFAULT_CALL 8u
#define MOST_OF_A_CALL 20u
#define PATIENCE 1000000u
#define FIRST_SECTOR 8u
#define FAILED_DISK 1

static u8 data[MOST_OF_A_CALL * IDE_SECTOR_SIZE] ALIGNED(PAGE_SIZE);

int main(void)
{
    u32 sectors = parameter("bench", DEFAULT_SECTORS), call = parameter("call", DEFAULT_CALL);
    const struct ide_region region = {data, call * IDE_SECTOR_SIZE};
    traps_init();
    pic_init();
    interrupts_on();
    if (ide_init(1, PATIENCE) != IDE_OK || call > MOST_OF_A_CALL)
        return FAILED_DISK;
    for (u32 writes = 2; writes--;) {
        u64 start = time_stamp();
        for (u32 at = FIRST_SECTOR; at < FIRST_SECTOR + sectors; at += call)
            if ((writes ? ide_write(at, call, &region, 1) : ide_read(at, call, &region, 1)) != IDE_OK)
                return FAILED_DISK;
        print("%s %u sectors: %u cycles\n", writes ? "wrote" : "read", sectors, (u32)(time_stamp() - start));
    }
    return 0;
}
