/* Looks for memory as operating systems do: writes two patterns, reads them back, puts back what was there. Then what is where nothing is:
   the lines behind "absent" are those of this machine (QEMU's reads as zeros, and has RAM where a screen would be). */
#include "rt.h"

#define KIB 1024u
#define MIB (KIB * KIB)
#define STEP (256 * KIB)
#define HIGH_STEP (32 * MIB)
#define VGA 0xB8000u
#define ONES 0xFFFFFFFFu

static volatile u32 *word(u32 at) { return (volatile u32 *)at; }

static int keeps(u32 at, u32 pattern)
{
    *word(at) = pattern;
    return *word(at) == pattern;
}

static int is_memory(u32 at)
{
    u32 old = *word(at);
    int found = keeps(at, 0x5AA5C33C) && keeps(at, ~0x5AA5C33Cu);
    *word(at) = old;
    return found;
}

static void sizing(void)
{
    u32 at, end = 0, above = 0;
    for (at = 2 * MIB; at < 16 * MIB; at += STEP)
        if (!end && !is_memory(at))
            end = at;
        else if (end && is_memory(at))
            above++;
    for (at = HIGH_STEP; at; at += HIGH_STEP)
        if (at < 0xF0000000 && is_memory(at))
            above++;
    value("memory ends at", end);
    value("found above it", above);
}

static u32 wrong;

static void must_read(u32 at, u32 expected)
{
    if (*word(at) != expected) {
        wrong++;
        value("WRONG at", at);
        value("read", *word(at));
    }
}

/* Read first and written first, by all sizes and by instructions that read and write, seen through every other place. */
static void absent(void)
{
    static const u32 places[] = {0x20001000, 0x30000000, 0x30001000, 0xD0000000, VGA};
    u32 n, m, count = sizeof places / sizeof *places;
    if (is_memory(VGA)) /* in a guest, which has a screen of its own */
        count--;
    value("places", count);
    must_read(places[1], ONES);
    for (n = 0; n < count; n++) {
        *word(places[n]) = 0x11111111 * n;
        *(volatile u8 *)(places[n] + 4) = (u8)n;
        *(volatile u16 *)(places[n] + 7) = (u16)n;
        m = n;
        __asm__ volatile("andl $0, (%1)\n xaddl %0, 8(%1)\n lock btrl $3, 4(%1)" : "+r"(m) : "r"(places[n]) : "memory", "cc");
        for (m = 0; m < count; m++) {
            must_read(places[m], ONES);
            must_read(places[m] + 4, ONES);
            must_read(places[m] + 6, ONES);
            must_read(places[m] + 8, ONES);
        }
    }
    value("wrong", wrong);
}

int main(void)
{
    sizing();
    put("absent\n");
    absent();
    return wrong != 0;
}
