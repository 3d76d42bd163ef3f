/*
 * The mass-market system of the scenario `bank`. On the bare machine it runs first, and starts the late launch: any ring-0 code can.
 * `block=` is where the secure loader block lies, `stub=` and `size=` are for the loader, which believes neither.
 *
 * Above the isolation kernel, as which it is started again, it has the network: what the far bank says comes from the host, and goes on to
 * the trusted guest `peer=` over a channel; and back. With `orders=1` it waits for a command line first; `attack=` is in attacks.c.
 */
#include "guests/kernel/dma.h"
#include "guests/kernel/paging.h"
#include "guests/kernel/traps.h"
#include "guests/market/market.h"
#include "lib/cpu.h"
#include "lib/pic.h"
#include "lib/platform.h"
#include "lib/string.h"

#define NETWORK 0
#define NO_CHANNEL 1
#define NO_NETWORK 2
#define NO_ATTACK 3
#define NAME_SIZE 32

static u8 message[MAX_MESSAGE] ALIGNED(4096);
static u8 identity[IDENTITY_SIZE] ALIGNED(4);

static void launch(void)
{
    u32 block = parameter("block", 0);
    print("market: starting the late launch\n");
    *(volatile u32 *)(block + BLOCK_STUB) = parameter("stub", 0);
    *(volatile u32 *)(block + BLOCK_STUB_SIZE) = parameter("size", 0);
    asm volatile("skinit" : : "a"(block) : "memory");
}

/* There and back, one message at a time, until either end has had enough. */
static int carry(u32 peer)
{
    for (;;) {
        int size = hypercall(HYPERCALL_RECEIVE, (u32)message, sizeof message, NETWORK);
        if (size < 0)
            return NO_NETWORK;
        size = (int)attack_before(message, (u32)size);
        if (hypercall(HYPERCALL_SEND, (u32)message, (u32)size, peer) != STATUS_OK)
            return 0;
        attack_behind(message, (u32)size);
        size = hypercall(HYPERCALL_RECEIVE, (u32)message, sizeof message, peer);
        if (size < 0)
            return 0;
        attack_answer(message, (u32)size);
        hypercall(HYPERCALL_SEND, (u32)message, (u32)size, NETWORK);
    }
}

int main(void)
{
    char name[NAME_SIZE];
    if (!above_isolation_kernel()) {
        launch();
        return 1; /* nothing comes back here */
    }
    paging_init();
    traps_init();
    pic_init();
    dma_init();
    if (parameter("orders", 0))
        receive_command_line();
    u32 peer = parameter("peer", 0);
    if (text_parameter("attack", name, sizeof name) && !attack_choose(name, parameter("at", 0), peer))
        return NO_ATTACK;
    print("market: the network is up\n");
    if (hypercall(HYPERCALL_OPEN, peer, (u32)identity, 0) != STATUS_OK)
        return NO_CHANNEL;
    attack_peer(identity);
    return carry(peer);
}
