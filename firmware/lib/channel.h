/* Calls about channels. `number` is the partition at the other end; results are the kernel's STATUS_. */
#ifndef CHANNEL_H
#define CHANNEL_H

#include "lib/types.h"
#include "ringfence.h"

enum waiting { WAIT, AT_ONCE }; /* AT_ONCE: STATUS_AGAIN instead of sleep */

/* identity: IDENTITY_SIZE bytes, which the kernel fills. */
int channel_open(u32 number, void *identity, enum waiting waiting);
int channel_close(u32 number);
int channel_send(u32 number, const void *message, u32 size, enum waiting waiting);

/* The length of a message, or a negative STATUS_. */
int channel_receive(u32 number, void *message, u32 size, enum waiting waiting);

/* The number of a guest of which something has come: a message, room for one, an end, an OPEN; in turn. May be told of what is there no more. */
int channel_wait(enum waiting waiting);

/* A page of ours becomes the channel's; the other end's appears at a free place. */
int channel_share(u32 number, void *page);
int channel_map(u32 number, u32 place);

#endif
