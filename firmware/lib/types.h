/* The few types and constants of the C library that a program without one needs. */
#ifndef TYPES_H
#define TYPES_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned int size_t;
typedef u32 uintptr_t;

#define NULL ((void *)0)
#define ALIGNED(n) __attribute__((aligned(n)))
#define NORETURN __attribute__((noreturn))

static inline volatile u32 *word_at(u32 address) { return (volatile u32 *)address; }

#endif
