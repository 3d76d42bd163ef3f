#include "guests/disk_driver/clients.h"
#include "guests/kernel/ide.h"
#include "lib/channel.h"
#include "lib/platform.h"
#include "lib/string.h"
#include "ringfence.h"

#define PAGES 0x40000000u /* guest-physical: where the clients' pages appear, behind any memory that is ours */
#define NOBODY 0u

struct client {
    u32 number; /* of its partition of the kernel, or NOBODY */
    const struct partition *partition;
    u32 served;
    int mapped, owes; /* its page is there; its last answer has not gone yet */
    struct answer answer;
};

_Static_assert(sizeof(struct request) == VDISK_REQUEST_SIZE && sizeof(struct answer) == VDISK_ANSWER_SIZE, "as the contract has them");

static struct client clients[VDISK_MAX_PARTITIONS]; /* one for each partition of the disk, in the table's order */
static const struct partition *table;
static int partitions;
static u32 highest_number;
static u8 message[MAX_MESSAGE] ALIGNED(PAGE_SIZE);  /* so that none is too long to be taken */
static u8 buffer[VDISK_PAGE_SECTORS * IDE_SECTOR_SIZE] ALIGNED(PAGE_SIZE); /* DMA does not reach a channel's page */

void clients_init(const struct partition *of_disk, int count, u32 highest)
{
    table = of_disk, partitions = count, highest_number = highest;
}

static u32 page_of(const struct client *client) { return PAGES + (u32)(client - clients) * PAGE_SIZE; }

/* 1 if the client's page is there now. It can be gone at any time: then it reads as ones. */
static int page_is_there(struct client *client)
{
    int status = channel_map(client->number, page_of(client));
    client->mapped = status == STATUS_OK || status == STATUS_BAD_ARGUMENT; /* something is there: that page */
    return client->mapped;
}

static u32 read(struct client *client, const struct request *request, u32 where)
{
    const struct ide_region region = {buffer, request->count * IDE_SECTOR_SIZE};
    if (ide_read(where, request->count, &region, 1) != IDE_OK)
        return VDISK_STATUS_FAILED;
    memcpy((u8 *)page_of(client) + request->place * IDE_SECTOR_SIZE, buffer, region.length);
    return VDISK_STATUS_OK;
}

static u32 write(struct client *client, const struct request *request, u32 where)
{
    const struct ide_region region = {buffer, request->count * IDE_SECTOR_SIZE};
    memcpy(buffer, (u8 *)page_of(client) + request->place * IDE_SECTOR_SIZE, region.length);
    if (!page_is_there(client)) /* so what was copied may be none of the client's */
        return VDISK_STATUS_NO_PAGE;
    return ide_write(where, request->count, &region, 1) == IDE_OK ? VDISK_STATUS_OK : VDISK_STATUS_FAILED;
}

/* The request is ours: what is checked is what is done. */
static void answer_request(struct client *client, const struct request *request)
{
    u32 where = 0, value = 0, status = check_request(request, client->partition, &where);
    if (status == VDISK_STATUS_OK)
        switch (request->operation) {
        case VDISK_SIZE:
            value = client->partition->sectors;
            break;
        case VDISK_FLUSH:
            status = ide_flush() == IDE_OK ? VDISK_STATUS_OK : VDISK_STATUS_FAILED;
            break;
        default:
            if (!client->mapped && !page_is_there(client))
                status = VDISK_STATUS_NO_PAGE;
            else
                status = request->operation == VDISK_READ ? read(client, request, where) : write(client, request, where);
        }
    client->answer = (struct answer){status, request->tag, value};
}

static void leave(struct client *client)
{
    channel_close(client->number);
    print("guest %u has left: %u requests\n", client->number, client->served);
    client->number = NOBODY;
}

/* STATUS_AGAIN: it has not taken its other answers, and no more is done for it until it has. */
static int send_answer(struct client *client)
{
    int status = channel_send(client->number, &client->answer, sizeof client->answer, AT_ONCE);
    client->owes = status == STATUS_AGAIN;
    return status;
}

/* Whether a request was served, or the client has left. */
static int serve(struct client *client)
{
    int status = client->owes ? send_answer(client) : STATUS_OK;
    if (status == STATUS_OK)
        status = channel_receive(client->number, message, sizeof message, AT_ONCE);
    if (status == STATUS_AGAIN)
        return 0;
    if (status < 0) {
        leave(client);
        return 1;
    }
    struct request request;
    memcpy(&request, message, sizeof request);
    if (status == sizeof request)
        answer_request(client, &request);
    else
        client->answer = (struct answer){VDISK_STATUS_BAD_REQUEST, 0, 0};
    client->served++;
    send_answer(client);
    return 1;
}

static struct client *find_client(u32 number)
{
    for (struct client *client = clients; client < clients + partitions; client++)
        if (client->number == number)
            return client;
    return NULL;
}

int serve_client(u32 number)
{
    struct client *client = find_client(number);
    if (client)
        serve(client);
    return client && client->number == number;
}

/* The other end is who the kernel says. */
static void welcome(u32 number, const u8 *identity)
{
    const struct partition *partition = find_partition(table, partitions, identity);
    struct client *client = partition ? &clients[partition - table] : NULL;
    if (!client || client->number != NOBODY) {
        struct answer none = {VDISK_STATUS_NO_PARTITION, 0, 0};
        channel_send(number, &none, sizeof none, AT_ONCE);
        channel_close(number);
        print("guest %u has no partition\n", number);
        return;
    }
    *client = (struct client){.number = number, .partition = partition};
    print("guest %u has sectors %u to %u\n", number, partition->first, partition->first + partition->sectors - 1);
}

int look_for_clients(void)
{
    static u8 identity[IDENTITY_SIZE] ALIGNED(IDENTITY_SIZE);
    int any = 0;
    for (u32 number = 1; number <= highest_number; number++) {
        if (find_client(number)) {
            any = 1;
            continue;
        }
        int status = channel_open(number, identity, AT_ONCE);
        any |= status == STATUS_OK || status == STATUS_AGAIN;
        if (status == STATUS_OK)
            welcome(number, identity);
    }
    return any;
}
