/* Physical memory and registers, by the flat segment: read8, write8, read32, write32. */
#ifndef MACHINE_H
#define MACHINE_H

#include "lib/types.h"
#include "ringfence.h"

#define ACCESS(bits, type) \
    static inline type read##bits(u32 at) \
    { \
        type value; \
        asm volatile("mov %%fs:(%1), %0" : "=q"(value) : "r"(at) : "memory"); \
        return value; \
    } \
    static inline void write##bits(u32 at, type value) \
    { \
        asm volatile("mov %1, %%fs:(%0)" : : "r"(at), "q"(value) : "memory"); \
    }
ACCESS(8, u8)
ACCESS(32, u32)

#endif
