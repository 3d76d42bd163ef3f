/*
 * A client of the disk's driver guest: writes and reads what its seed says, and sees that it reads what it has written.
 *
 * Command line: driver=N, the driver's partition of the kernel; seed=N, requests=N; or attack=NAME (attacks.c). bench=N writes and
 * reads so many sectors instead, in calls of call=N, at most 20, and tells the time; then what one sector takes after nothing for pause=N
 * cycles, and more. Status 0 if all was right; for an attack, what it says of itself.
 */
#include "guests/disk_client/client.h"
#include "lib/cpu.h"
#include "lib/platform.h"
#include "lib/string.h"

#define MOST_SECTORS 20u /* of one call: two pages and a half */
#define MULTIPLIER 1664525u
#define INCREMENT 1013904223u
#define KINDS 8u /* of eight calls four write, three read, one flushes */
#define WRITES 4u
#define FLUSHES 7u
#define PAUSES 6u
#define FAILED_OPEN 1
#define FAILED_REQUEST 2
#define FAILED_COMPARE 3

struct virtual_disk disk;
u8 page[PAGE_SIZE] ALIGNED(PAGE_SIZE);
static u8 data[MOST_SECTORS * IDE_SECTOR_SIZE] ALIGNED(PAGE_SIZE);
static u32 state;

static u32 random(u32 below) { return ((state = state * MULTIPLIER + INCREMENT) >> 8) % below; }

/* Each sector says when it was written, and where it is. */
static void mark(u8 *at, u32 sector, u32 word)
{
    for (u32 n = 0; n < IDE_SECTOR_SIZE / 4; n++)
        ((u32 *)at)[n] = word + (sector << 8) + n;
}

/* Random calls. What was written last in each sector is in `last`. */
static int work(u32 requests)
{
    static u32 last[1024];
    u32 sectors = disk.sectors < 1024 ? disk.sectors : 1024;
    for (u32 n = 1; n <= requests; n++) {
        u32 kind = random(KINDS), sector = random(sectors), count = 1 + random(MOST_SECTORS);
        count = count < sectors - sector ? count : sectors - sector;
        int status;
        if (kind == FLUSHES)
            status = vdisk_flush(&disk);
        else if (kind < WRITES) {
            for (u32 i = 0; i < count; i++)
                mark(data + i * IDE_SECTOR_SIZE, sector + i, last[sector + i] = state + n);
            status = vdisk_write(&disk, sector, count, data);
        } else
            status = vdisk_read(&disk, sector, count, data);
        if (status != VDISK_STATUS_OK) {
            print("request %u: %d\n", n, status);
            return FAILED_REQUEST;
        }
        for (u32 i = 0; kind >= WRITES && kind != FLUSHES && i < count; i++)
            for (u32 w = 0; last[sector + i] && w < IDE_SECTOR_SIZE / 4; w++)
                if (((u32 *)(data + i * IDE_SECTOR_SIZE))[w] != last[sector + i] + ((sector + i) << 8) + w) {
                    print("request %u: sector %u is wrong\n", n, sector + i);
                    return FAILED_COMPARE;
                }
    }
    print("did %u requests\n", requests);
    return 0;
}

static int bench(u32 sectors, u32 call)
{
    if (call > MOST_SECTORS)
        return FAILED_REQUEST;
    for (u32 writes = 2; writes--;) {
        u64 start = time_stamp();
        for (u32 at = 0; at < sectors; at += call) {
            int status = writes ? vdisk_write(&disk, at, call, data) : vdisk_read(&disk, at, call, data);
            if (status != VDISK_STATUS_OK)
                return FAILED_REQUEST;
        }
        print("%s %u sectors: %u cycles\n", writes ? "wrote" : "read", sectors, (u32)(time_stamp() - start));
    }
    return 0;
}

/* A sector read after each of some pauses. */
static int first_requests(u32 pause)
{
    for (u32 n = 0; n < PAUSES; n++, pause += pause / PAUSES) {
        u64 until = time_stamp() + pause;
        while (time_stamp() < until)
            hypercall(HYPERCALL_YIELD, 0, 0, 0);
        u64 start = time_stamp();
        if (vdisk_read(&disk, 0, 1, data) != VDISK_STATUS_OK)
            return FAILED_REQUEST;
        print("after a pause: %u cycles\n", (u32)(time_stamp() - start));
    }
    return 0;
}

int main(void)
{
    char name[16];
    u32 driver = parameter("driver", 1);
    state = parameter("seed", 1);
    if (text_parameter("attack", name, sizeof name))
        return attack(name);
    int status = vdisk_open(&disk, driver, page);
    if (status != VDISK_STATUS_OK) {
        print("no disk: %d\n", status);
        return FAILED_OPEN;
    }
    print("disk of %u sectors\n", disk.sectors);
    u32 sectors = parameter("bench", 0), pause = parameter("pause", 0);
    int result = sectors ? bench(sectors, parameter("call", VDISK_PAGE_SECTORS)) : work(parameter("requests", 20));
    if (!result && pause)
        result = first_requests(pause);
    vdisk_close(&disk);
    return result;
}
