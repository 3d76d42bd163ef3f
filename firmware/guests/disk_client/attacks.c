/* A client that keeps to no protocol. What it finds it prints; whether that was much is for others to judge. */
#include "guests/disk_client/client.h"
#include "lib/channel.h"
#include "lib/platform.h"
#include "lib/string.h"

#define NO_DISK 0x70
#define UNKNOWN 0x71
#define BELIEVED 0x72 /* garbage was taken for a request */
#define MARK 0xBADBADBAu
#define WORDS (PAGE_SIZE / 4)
#define TRIES 6u
#define TURNS 8u
#define TAG 0x7A6u

struct request {
    u32 operation, tag, sector, count, place;
};

struct answer {
    u32 status, tag, value;
};

static u32 message[MAX_MESSAGE / 4] ALIGNED(PAGE_SIZE);

static void fill(u32 word)
{
    for (u32 n = 0; n < WORDS; n++)
        ((volatile u32 *)page)[n] = word;
}

static u32 send(u32 operation, u32 sector, u32 count, u32 place)
{
    struct request request = {operation, TAG, sector, count, place};
    return (u32)channel_send(disk.driver, &request, sizeof request, WAIT);
}

static void tell(const char *what, u32 sector, u32 count, u32 place)
{
    struct answer answer = {0};
    int size = channel_receive(disk.driver, &answer, sizeof answer, WAIT);
    u32 word = *(volatile u32 *)page;
    print("%s %x %x %x: %d %u %x\n", what, sector, count, place, size, answer.status, word);
}

/* Writes there and reads there, whatever is answered. */
static void try(u32 sector, u32 count, u32 place)
{
    fill(MARK);
    send(VDISK_WRITE, sector, count, place);
    tell("write", sector, count, place);
    send(VDISK_READ, sector, count, place);
    tell("read", sector, count, place);
}

static int beyond(void)
{
    try(disk.sectors, 1, 0);
    try(disk.sectors - 1, 2, 0);
    return 0;
}

/* The sum of sector and count is 0 in 32 bits; the sector is as far before the partition as the table is. */
static int wrap(void)
{
    try(-(u32)VDISK_PAGE_SECTORS, VDISK_PAGE_SECTORS, 0);
    return 0;
}

/* The pages of the driver's clients may lie side by side: what is behind ours is written to our sectors. */
static int pages(void)
{
    fill(0);
    for (u32 sector = 0; sector < TRIES * VDISK_PAGE_SECTORS; sector += VDISK_PAGE_SECTORS) {
        send(VDISK_WRITE, sector, VDISK_PAGE_SECTORS, VDISK_PAGE_SECTORS);
        tell("write", sector, VDISK_PAGE_SECTORS, VDISK_PAGE_SECTORS);
        for (u32 n = 0; n < TURNS; n++)
            hypercall(HYPERCALL_YIELD, 0, 0, 0);
    }
    return 0;
}

static int gone(void)
{
    struct answer answer;
    send(VDISK_READ, 0, VDISK_PAGE_SECTORS, 0); /* the driver knows the page afterwards */
    channel_receive(disk.driver, &answer, sizeof answer, WAIT);
    fill(MARK);
    send(VDISK_WRITE, 0, VDISK_PAGE_SECTORS, 0);
    channel_close(disk.driver);
    print("closed\n");
    return 0;
}

/* Ends in the middle of its requests, whose answers it does not take; the last one writes. */
static int dies(u32 requests)
{
    struct answer answer;
    send(VDISK_READ, 0, VDISK_PAGE_SECTORS, 0); /* the driver knows the page afterwards */
    channel_receive(disk.driver, &answer, sizeof answer, WAIT);
    fill(MARK);
    for (u32 n = 0; n < requests; n++)
        send(VDISK_SIZE, 0, 0, 0);
    send(VDISK_WRITE, 0, VDISK_PAGE_SECTORS, 0);
    print("asked %u times\n", requests);
    return 0;
}

/* As many requests as there is room for, always; their answers are taken too. */
static int flood(void)
{
    struct request request = {VDISK_READ, TAG, 0, 8, 0};
    for (;;) {
        struct answer answer;
        while (channel_send(disk.driver, &request, sizeof request, AT_ONCE) == STATUS_OK)
            ;
        if (channel_receive(disk.driver, &answer, sizeof answer, WAIT) == STATUS_CLOSED)
            return 0;
    }
}

/* Requests, and no answer is ever taken. */
static NORETURN void mute(u32 requests)
{
    for (u32 n = 0; n < requests; n++)
        send(VDISK_SIZE, 0, 0, 0);
    print("asked %u times\n", requests);
    for (;;)
        hypercall(HYPERCALL_YIELD, 0, 0, 0);
}

static int garbage(u32 seed)
{
    for (u32 n = 0; n < 24; n++) {
        struct answer answer = {0};
        u32 size = n == 1 ? MAX_MESSAGE : (seed >> 8) % (n & 1 ? 64 : MAX_MESSAGE + 1);
        for (u32 i = 0; i < MAX_MESSAGE / 4; i++)
            message[i] = seed = seed * 1664525 + 1013904223;
        if (size == sizeof(struct request))
            size++;
        if (channel_send(disk.driver, message, size, WAIT) != STATUS_OK)
            return NO_DISK;
        if (channel_receive(disk.driver, &answer, sizeof answer, WAIT) != sizeof answer || answer.status != VDISK_STATUS_BAD_REQUEST || answer.tag)
            return BELIEVED;
    }
    try(0, 1, 0);
    return 0;
}

/* Says that it is another: in the words behind a request, and as a message by itself. */
static int claim(void)
{
    char text[2 * IDENTITY_SIZE + 1];
    text_parameter("claim", text, sizeof text);
    for (u32 n = 0; n < 2 * IDENTITY_SIZE; n++) {
        u32 digit = (u32)text[n] <= '9' ? (u32)text[n] - '0' : (u32)text[n] - 'a' + 10;
        u8 *byte = (u8 *)message + n / 2;
        *byte = (u8)(*byte << 4 | digit);
    }
    if (channel_open(disk.driver, disk.identity, WAIT) != STATUS_OK)
        return NO_DISK;
    channel_send(disk.driver, message, IDENTITY_SIZE, WAIT);
    channel_share(disk.driver, page);
    send(VDISK_SIZE, 0, 0, 0);
    tell("size", 0, 0, 0);
    try(0, 1, 0);
    return 0;
}

int attack(const char *name)
{
    if (strcmp(name, "claim") == 0) {
        disk.driver = parameter("driver", 1);
        return claim();
    }
    if (vdisk_open(&disk, parameter("driver", 1), page) != VDISK_STATUS_OK)
        return NO_DISK;
    if (strcmp(name, "beyond") == 0)
        return beyond();
    if (strcmp(name, "wrap") == 0)
        return wrap();
    if (strcmp(name, "pages") == 0)
        return pages();
    if (strcmp(name, "gone") == 0)
        return gone();
    if (strcmp(name, "dies") == 0)
        return dies(parameter("times", 0));
    if (strcmp(name, "flood") == 0)
        return flood();
    if (strcmp(name, "mute") == 0)
        mute(parameter("times", 0));
    if (strcmp(name, "garbage") == 0)
        return garbage(parameter("seed", 1));
    return UNKNOWN;
}
