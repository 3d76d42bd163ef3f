/* The ring-3 programs: text and constants in pages of their own, all data in memory that appears on demand. */
#include "guests/mass_market/user.h"
#include "guests/kernel/process.h"
#include "lib/cpu.h"

#define USER_TEXT __attribute__((section(".user.text"), used))
#define USER_DATA_ONLY __attribute__((section(".user.rodata")))
#define LCG_MULTIPLIER 1664525u
#define LCG_INCREMENT 1013904223u

static const char greeting[] USER_DATA_ONLY = "a process runs in ring 3\n";

static inline __attribute__((always_inline)) u32 call(u32 number, u32 ebx, u32 ecx)
{
    u32 result;
    asm volatile("int %1" : "=a"(result) : "i"(VECTOR_SYSTEM_CALL), "a"(number), "b"(ebx), "c"(ecx) : "memory");
    return result;
}

static inline __attribute__((always_inline)) NORETURN void leave(u32 result)
{
    for (;;)
        call(CALL_EXIT, result, 0);
}

/* Counts the primes below 1000 * work. */
USER_TEXT NORETURN void user_sieve(u32 work)
{
    volatile u8 *composite = (volatile u8 *)HEAP_BASE;
    u32 count = 0, limit = SIEVE_LIMIT(work);
    call(CALL_WRITE, (u32)greeting, sizeof greeting - 1);
    for (u32 i = 2; i < limit; i++) {
        if (composite[i])
            continue;
        count++;
        for (u32 j = i * i; i < 256 && j < limit; j += i)
            composite[j] = 1;
    }
    leave(count);
}

/* Sorts pseudo-random words by insertion, in gaps (Shell), and folds them into one. */
USER_TEXT NORETURN void user_sort(u32 work)
{
    volatile u32 *heap = (volatile u32 *)HEAP_BASE;
    u32 count = SORT_WORDS(work), x = 1, fold = 0;
    for (u32 i = 0; i < count; i++)
        heap[i * SORT_STRIDE] = x = x * LCG_MULTIPLIER + LCG_INCREMENT;
    call(CALL_YIELD, 0, 0);
    for (u32 gap = count / 2; gap; gap /= 2)
        for (u32 i = gap; i < count; i++) {
            u32 value = heap[i * SORT_STRIDE], j = i;
            for (; j >= gap && heap[(j - gap) * SORT_STRIDE] > value; j -= gap)
                heap[j * SORT_STRIDE] = heap[(j - gap) * SORT_STRIDE];
            heap[j * SORT_STRIDE] = value;
        }
    for (u32 i = 0; i < count; i++)
        fold = (fold << 1 | fold >> 31) ^ heap[i * SORT_STRIDE];
    leave(fold);
}

/* Takes and gives back pages: each must come zeroed. The sum of what was written; 0xBADxxxxx if a page was not clean. */
USER_TEXT NORETURN void user_churn(u32 work)
{
    u32 sum = 0;
    for (u32 round = 1; round <= CHURN_ROUNDS(work); round++) {
        for (u32 page = 0; page < CHURN_PAGES; page++) {
            volatile u32 *p = (volatile u32 *)(HEAP_BASE + page * PAGE_SIZE);
            u32 written = (round + page) & 1;
            if (p[round] | p[1023])
                leave(0xBAD00000 | round << 4 | page);
            if (written)
                sum += p[1023] = p[round] = round * 0x10001 + page;
            call(CALL_DISCARD, (u32)p, written);
        }
        call(CALL_YIELD, 0, 0);
    }
    leave(sum);
}
