#include "lib/channel.h"

static int call(u32 number, u32 ebx, u32 ecx, u32 edx, enum waiting waiting)
{
    int result;
    asm volatile("vmmcall" : "=a"(result) : "a"(number), "b"(ebx), "c"(ecx), "d"(edx), "S"(waiting) : "memory");
    return result;
}

int channel_open(u32 number, void *identity, enum waiting waiting)
{
    return call(HYPERCALL_OPEN, number, (u32)identity, 0, waiting);
}

int channel_close(u32 number) { return call(HYPERCALL_CLOSE, number, 0, 0, AT_ONCE); }

int channel_send(u32 number, const void *message, u32 size, enum waiting waiting)
{
    return call(HYPERCALL_SEND, (u32)message, size, number, waiting);
}

int channel_receive(u32 number, void *message, u32 size, enum waiting waiting)
{
    return call(HYPERCALL_RECEIVE, (u32)message, size, number, waiting);
}

int channel_wait(enum waiting waiting) { return call(HYPERCALL_WAIT, 0, 0, 0, waiting); }

int channel_share(u32 number, void *page) { return call(HYPERCALL_SHARE_PAGE, (u32)page, number, 0, AT_ONCE); }

int channel_map(u32 number, u32 place) { return call(HYPERCALL_MAP_SHARED, place, number, 0, AT_ONCE); }
