/*
 * Two guests that talk over a channel, with page tables of their own, and a third that has none and tries all the same.
 *
 * Command line: role=speak sends `count` messages, shares a page, sends a word about it, waits for an answer, closes;
 * role=listen receives them (after turns=N turns of doing nothing), maps the page, answers, and waits for the end;
 * role=intrude goes at the channel of the two, after turns=N. peer=N is the partition to talk to. It prints what it finds; status 0 if
 * all was right (or, for an intruder, refused).
 */
#include "guests/kernel/paging.h"
#include "guests/kernel/traps.h"
#include "lib/cpu.h"
#include "lib/platform.h"
#include "lib/string.h"

#define PAGE_WORDS 1024
#define THERE 0x40000000u /* guest-physical, and linear: the listener's and the intruder's place for the page */
#define FAILED_OPEN 1
#define FAILED_MESSAGE 2
#define FAILED_PAGE 3
#define FAILED_CLOSE 4
#define INTRUDED 5
#define DIRECTORY_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_LARGE)

static u32 peer;
static u32 message[MAX_MESSAGE / 4] ALIGNED(4096);
static u32 page[PAGE_WORDS] ALIGNED(4096);
static u32 identity[IDENTITY_SIZE / 4] ALIGNED(IDENTITY_SIZE);

static u32 word_of(u32 n, u32 i) { return n << 20 ^ i * 0x01010101; }

/* All lengths come: none, odd ones, the longest. */
static u32 length_of(u32 n) { return n * 509 % (MAX_MESSAGE + 1); }

static int send(u32 length) { return hypercall(HYPERCALL_SEND, (u32)message, length, peer); }

static int receive(void) { return hypercall(HYPERCALL_RECEIVE, (u32)message, sizeof message, peer); }

static void idle(u32 turns)
{
    while (turns--)
        hypercall(HYPERCALL_YIELD, 0, 0, 0);
}

/* Page tables with a large page for THERE: what lies there is the kernel's to say. */
static void paging(void)
{
    paging_init();
    WRITE_CR(4, READ_CR(4) | CR4_PSE);
    kernel_directory[DIRECTORY_INDEX(THERE)] = THERE | DIRECTORY_FLAGS;
}

static int open(void)
{
    int status = hypercall(HYPERCALL_OPEN, peer, (u32)identity, 0);
    print("open %d, peer ", status);
    for (u32 i = 0; i < IDENTITY_SIZE; i++)
        print("%c%c", "0123456789abcdef"[((u8 *)identity)[i] >> 4], "0123456789abcdef"[((u8 *)identity)[i] & 15]);
    print("\n");
    return status == STATUS_OK;
}

static int pattern(volatile const u32 *words, u32 first, u32 n)
{
    for (u32 i = 0; i < PAGE_WORDS / 2; i++)
        if (words[first + i] != word_of(n, i))
            return 0;
    return 1;
}

static void draw(volatile u32 *words, u32 first, u32 n)
{
    for (u32 i = 0; i < PAGE_WORDS / 2; i++)
        words[first + i] = word_of(n, i);
}

static int speak(u32 count)
{
    volatile u32 *shared = page;
    for (u32 n = 0; n < count; n++) {
        for (u32 i = 0; i < MAX_MESSAGE / 4; i++)
            message[i] = word_of(n, i);
        if (send(length_of(n)) != STATUS_OK)
            return FAILED_MESSAGE;
    }
    draw(shared, 0, 0xFFF); /* not for the other end: the page is clean when it is shared */
    if (hypercall(HYPERCALL_SHARE_PAGE, (u32)page, peer, 0) != STATUS_OK || shared[0] || shared[PAGE_WORDS / 2 - 1])
        return FAILED_PAGE;
    draw(shared, 0, 1);
    if (send(4) != STATUS_OK || receive() != 4)
        return FAILED_MESSAGE;
    if (!pattern(shared, PAGE_WORDS / 2, 2))
        return FAILED_PAGE;
    if (hypercall(HYPERCALL_CLOSE, peer, 0, 0) != STATUS_OK || shared[0] || shared[PAGE_WORDS - 1])
        return FAILED_CLOSE; /* it is ours again, and clean */
    shared[0] = 0x5EC2E75E;
    print("spoke %u\n", count);
    idle(20);
    return shared[0] == 0x5EC2E75E && send(4) == STATUS_CLOSED ? 0 : FAILED_CLOSE;
}

static int listen(u32 count, u32 turns)
{
    volatile u32 *shared = word_at(THERE);
    idle(turns);
    for (u32 n = 0; n < count; n++) {
        int size = receive();
        if (size != (int)length_of(n))
            return FAILED_MESSAGE;
        for (u32 i = 0; i < (u32)size / 4; i++)
            if (message[i] != word_of(n, i))
                return FAILED_MESSAGE;
    }
    if (receive() != 4 || hypercall(HYPERCALL_MAP_SHARED, THERE, peer, 0) != STATUS_OK || !pattern(shared, 0, 1))
        return FAILED_PAGE;
    draw(shared, PAGE_WORDS / 2, 2);
    if (send(4) != STATUS_OK || receive() != STATUS_CLOSED)
        return FAILED_CLOSE;
    idle(4);
    shared[0] = 0;
    if (shared[0] != 0xFFFFFFFF) /* nothing is there any more */
        return FAILED_CLOSE;
    print("heard %u\n", count);
    return 0;
}

/* What is refused is answered CLOSED: there is no channel of ours to that guest. */
static int intrude(u32 turns)
{
    int status;
    idle(turns);
    print("receive %d\n", status = receive());
    int refused = status == STATUS_CLOSED;
    message[0] = 0xBADBADBA;
    print("send %d\n", status = send(4));
    refused &= status == STATUS_CLOSED;
    print("map %d\n", status = hypercall(HYPERCALL_MAP_SHARED, THERE, peer, 0));
    refused &= status == STATUS_CLOSED && *word_at(THERE) == 0xFFFFFFFF;
    print("close %d\n", status = hypercall(HYPERCALL_CLOSE, peer, 0, 0));
    refused &= status == STATUS_CLOSED;
    return refused ? 0 : INTRUDED;
}

int main(void)
{
    char role[16];
    u32 count = parameter("count", 40), turns = parameter("turns", 0);
    peer = parameter("peer", 0);
    text_parameter("role", role, sizeof role);
    paging();
    if (!above_isolation_kernel()) {
        print("channels are the isolation kernel's\n");
        return 0;
    }
    if (strcmp(role, "intrude") == 0)
        return intrude(turns);
    if (!open())
        return FAILED_OPEN;
    return strcmp(role, "speak") == 0 ? speak(count) : listen(count, turns);
}
