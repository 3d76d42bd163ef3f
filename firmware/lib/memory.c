/* What compiled C and the library itself call. */
#include "lib/string.h"

#define LINE 32 /* bytes that are set in one round */

void *memcpy(void *to, const void *from, size_t size)
{
    u32 words = size >> 2, rest = size & 3;
    void *result = to;
    asm volatile("rep movsl\n\tmovl %3, %%ecx\n\trep movsb" : "+D"(to), "+S"(from), "+c"(words) : "r"(rest) : "memory");
    return result;
}

void *memmove(void *to, const void *from, size_t size)
{
    if ((u32)to - (u32)from >= size)
        return memcpy(to, from, size);
    for (u8 *t = to; size--;)
        t[size] = ((const u8 *)from)[size];
    return to;
}

/* Store by store as long as it is much: each word of a repeated string instruction takes three times as long. */
void *memset(void *to, int byte, size_t size)
{
    u32 word = (u8)byte * 0x01010101u, lines = size / LINE, *t = to;
    if (lines)
        do {
            t[0] = t[1] = t[2] = t[3] = t[4] = t[5] = t[6] = t[7] = word;
            t += LINE / sizeof word;
        } while (--lines);
    size %= LINE;
    u32 words = size >> 2, rest = size & 3;
    asm volatile("rep stosl\n\tmovl %2, %%ecx\n\trep stosb" : "+D"(t), "+c"(words) : "r"(rest), "a"(word) : "memory");
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const u8 *p = a, *q = b;
    for (; size; size--, p++, q++)
        if (*p != *q)
            return *p < *q ? -1 : 1;
    return 0;
}

size_t strlen(const char *text)
{
    const char *end = text;
    while (*end)
        end++;
    return (size_t)(end - text);
}
