/*
 * What a channel costs: two guests, of which role=ask does everything in turn and tells the host where each part ends, and role=answer
 * does what is wanted of it. peer=N is the partition of the other. The order of the parts is that of sim/bench/channel_cost.py.
 */
#include "lib/channel.h"
#include "lib/platform.h"
#include "lib/string.h"

#define THERE 0x40000000u /* guest-physical: the answerer's place for the page */
#define WORD 4u
#define FAILED 1

static u32 peer, rounds, messages, pages;
static u32 message[MAX_MESSAGE / WORD] ALIGNED(4096);
static u32 own[MAX_MESSAGE / WORD] ALIGNED(4096);
static u32 page[PAGE_SIZE / WORD] ALIGNED(4096);
static u8 identity[IDENTITY_SIZE] ALIGNED(IDENTITY_SIZE);

static int sends(u32 size) { return channel_send(peer, message, size, WAIT) == STATUS_OK; }

static int receives(u32 size) { return channel_receive(peer, message, sizeof message, WAIT) == (int)size; }

/* The plain loop that all is compared with. */
static void copy(volatile u32 *to, const volatile u32 *from, u32 size)
{
    for (u32 n = size / WORD; n; n--)
        *to++ = *from++;
}

/* A part begins or ends: the host looks at the clock. */
static int mark(void) { return channel_send(0, message, WORD, AT_ONCE) == STATUS_OK; }

static int there_and_back(u32 size)
{
    for (u32 n = 0; n < rounds; n++)
        if (!sends(size) || !receives(size))
            return 0;
    return 1;
}

/* All of them, and then a word that all have come. */
static int stream(void)
{
    for (u32 n = 0; n < messages; n++)
        if (!sends(MAX_MESSAGE))
            return 0;
    return receives(WORD);
}

static int through_the_page(void)
{
    for (u32 n = 0; n < pages; n++) {
        copy(page, own, MAX_MESSAGE);
        if (!sends(WORD) || !receives(WORD))
            return 0;
    }
    return 1;
}

static int copies(void)
{
    for (u32 n = 0; n < messages; n++)
        copy(message, own, MAX_MESSAGE);
    return 1;
}

static int ask(void)
{
    if (channel_share(peer, page) != STATUS_OK || !sends(WORD) || !receives(WORD))
        return 0;
    copy(message, own, MAX_MESSAGE); /* so that all memory has been touched */
    return mark() && mark() && there_and_back(WORD) && mark() && there_and_back(MAX_MESSAGE) && mark() && stream() && mark()
        && through_the_page() && mark() && copies() && mark();
}

static int answers(u32 size)
{
    for (u32 n = 0; n < rounds; n++)
        if (!receives(size) || !sends(size))
            return 0;
    return 1;
}

static int answer(void)
{
    if (!receives(WORD) || channel_map(peer, THERE) != STATUS_OK || !sends(WORD))
        return 0;
    if (!answers(WORD) || !answers(MAX_MESSAGE))
        return 0;
    for (u32 n = 0; n < messages; n++)
        if (!receives(MAX_MESSAGE))
            return 0;
    if (!sends(WORD))
        return 0;
    for (u32 n = 0; n < pages; n++) {
        if (!receives(WORD))
            return 0;
        copy(own, (const volatile u32 *)THERE, MAX_MESSAGE);
        if (!sends(WORD))
            return 0;
    }
    return 1;
}

int main(void)
{
    char role[8];
    peer = parameter("peer", 0);
    rounds = parameter("rounds", 1);
    messages = parameter("messages", 1);
    pages = parameter("pages", 1);
    text_parameter("role", role, sizeof role);
    if (channel_open(peer, identity, WAIT) != STATUS_OK)
        return FAILED;
    return strcmp(role, "ask") == 0 ? !ask() : !answer();
}
