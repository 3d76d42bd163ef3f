/* Single instructions that C has no words for. */
#ifndef CPU_H
#define CPU_H

#include "lib/types.h"

#define CR0_PE 0x00000001u
#define CR0_WP 0x00010000u
#define CR0_PG 0x80000000u
#define CR4_PSE 0x00000010u
#define CR4_PGE 0x00000080u
#define EFLAGS_CF 0x001u
#define EFLAGS_FIXED 0x002u
#define EFLAGS_IF 0x200u

#define READ_CR(n) ({ u32 value_; asm volatile("movl %%cr" #n ", %0" : "=r"(value_) : : "memory"); value_; })
#define WRITE_CR(n, value) asm volatile("movl %0, %%cr" #n : : "r"((u32)(value)) : "memory")

static inline u8 in8(u16 port) { u8 v; asm volatile("inb %w1, %b0" : "=a"(v) : "Nd"(port)); return v; }
static inline void out8(u16 port, u8 value) { asm volatile("outb %b0, %w1" : : "a"(value), "Nd"(port)); }
static inline u16 in16(u16 port) { u16 v; asm volatile("inw %w1, %w0" : "=a"(v) : "Nd"(port)); return v; }
static inline void out16(u16 port, u16 value) { asm volatile("outw %w0, %w1" : : "a"(value), "Nd"(port)); }
static inline u32 in32(u16 port) { u32 v; asm volatile("inl %w1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline void out32(u16 port, u32 value) { asm volatile("outl %0, %w1" : : "a"(value), "Nd"(port)); }
static inline void interrupts_on(void) { asm volatile("sti" : : : "memory"); }
static inline void interrupts_off(void) { asm volatile("cli" : : : "memory"); }
static inline void wait_for_interrupt(void) { asm volatile("sti; hlt" : : : "memory"); }
static inline void invalidate_page(u32 linear) { asm volatile("invlpg (%0)" : : "r"(linear) : "memory"); }

static inline u64 time_stamp(void) { u32 lo, hi; asm volatile("rdtsc" : "=a"(lo), "=d"(hi)); return (u64)hi << 32 | lo; }

static inline u64 read_msr(u32 msr) { u32 lo, hi; asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr)); return (u64)hi << 32 | lo; }
static inline void write_msr(u32 msr, u64 v) { asm volatile("wrmsr" : : "a"((u32)v), "d"((u32)(v >> 32)), "c"(msr) : "memory"); }

struct cpuid { u32 eax, ebx, ecx, edx; };

static inline struct cpuid cpuid(u32 leaf)
{
    struct cpuid r;
    asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(0));
    return r;
}

#endif
