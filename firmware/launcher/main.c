/*
 * A system that starts the late launch: any ring-0 code can. `block=` is where the secure loader block lies, a multiple of 64 KiB; `stub=`
 * and `size=` go into it for the loader, which believes neither.
 */
#include "lib/platform.h"

int main(void)
{
    u32 block = parameter("block", 0);
    *(volatile u32 *)(block + BLOCK_STUB) = parameter("stub", 0);
    *(volatile u32 *)(block + BLOCK_STUB_SIZE) = parameter("size", 0);
    print("launch\n");
    asm volatile("skinit" : : "a"(block) : "memory");
    return 1; /* nothing comes back here */
}
