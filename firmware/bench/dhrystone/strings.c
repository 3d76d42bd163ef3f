/*
 * The two string functions that Dhrystone calls, part of what is measured: plain C, byte by byte, pinned by hash in
 * dhrystone_source.py.
 * Other measurements often use hand-written ones; results are comparable only with the same functions.
 */
#include <common.h>

char *strcpy(char *to, const char *from)
{
    char *t = to;
    while ((*t++ = *from++))
        ;
    return to;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}
