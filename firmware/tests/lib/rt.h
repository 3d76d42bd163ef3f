/* Runtime of the test programs: console, descriptors, an exception recorder, and code run at any privilege level.
 *
 * A test is a few instructions (TEST) that end in one line: "name: ok ..." with the values asked for, or "name: #vv ..." with what the
 * exception pushed. The lines are the same on every machine that is right.
 */
#ifndef RT_H
#define RT_H

#include "ringfence.h"

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

/* Selectors of the GDT; code and data of ring r lie 16 r behind those of ring 0. */
#define SEL_CODE(r) (0x08 + 0x10 * (r) + (r))
#define SEL_DATA(r) (0x10 + 0x10 * (r) + (r))
#define SEL_TSS 0x48
#define SEL_LDT 0x50
#define SEL_TEST(n) (0x58 + 8 * (n)) /* for tests to fill */
#define TEST_SELECTORS 48
#define VECTOR_RETURN 0x80 /* INT that ends a snippet in an outer ring */

/* Descriptor access bytes (type with present and DPL). */
#define ACC(dpl, type) (0x80 | (dpl) << 5 | (type))
#define ACC_NP(dpl, type) ((dpl) << 5 | (type))
#define T_DATA_R 0x11
#define T_DATA_RW 0x13
#define T_DATA_DOWN_R 0x15
#define T_DATA_DOWN_RW 0x17
#define T_CODE_X 0x19
#define T_CODE_RX 0x1B
#define T_CODE_CONF_X 0x1D
#define T_CODE_CONF_RX 0x1F
#define T_TSS16 0x01
#define T_LDT 0x02
#define T_TSS16_BUSY 0x03
#define T_CALL16 0x04
#define T_TASK 0x05
#define T_INT16 0x06
#define T_TRAP16 0x07
#define T_TSS32 0x09
#define T_TSS32_BUSY 0x0B
#define T_CALL32 0x0C
#define T_INT32 0x0E
#define T_TRAP32 0x0F
#define FL_G 8 /* descriptor bits 55:52 */
#define FL_B 4

struct tss {
    u32 link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags, gpr[8], seg[6], ldt;
    u16 trap, iomap;
    u8 bitmap[8192 + 1];
} __attribute__((packed));
#define BITMAP_CLOSED {[0 ... 8192] = 0xFF} /* every port */

struct frame { /* as the trap entry pushes it */
    u32 gs, fs, es, ds, edi, esi, ebp, esp_unused, ebx, edx, ecx, eax, vector, error, eip, cs, eflags, esp, ss;
};

struct outcome { /* of the last snippet */
    u32 eax, ecx, edx, ebx, esi, edi, eflags, esp_offset;
    u32 vector, error, eip, cs, ss, cr2; /* vector: ~0 if it returned */
};

extern u32 gdt[][2], idt[][2], ldt[][2];
extern struct tss tss;
extern struct outcome outcome;
extern u32 (*trap_hook)(struct frame *); /* called first; not 0: the frame has been dealt with, resume it */
extern u32 show;                         /* what an "ok" line shows */
extern u32 snippet_flags;                /* EFLAGS that the next snippets start with (IF and IOPL and the like) */
extern u32 stack_ring[4];                /* top of the stack that ring r starts with */
extern char trap_stubs[], ring0_stack_top[];

#define SHOW_EAX 1
#define SHOW_ECX 2
#define SHOW_EDX 4
#define SHOW_EBX 8
#define SHOW_ZF 16
#define SHOW_SP 32
#define SHOW_FLAGS 64
#define SHOW_ESI 128
#define SHOW_EDI 256

void putchar(char c);
void put(const char *s);
void put_hex(u32 value, u32 digits);
void put_number(u32 value); /* hexadecimal, no leading zeros */
void put_field(const char *name, u32 value); /* " name=123" */
void newline(void);
void value(const char *name, u32 v); /* a line "name: 123" */
void finish(u32 status) __attribute__((noreturn));

void set_segment(u32 selector, u32 base, u32 limit, u32 access, u32 flags);
void set_gate(u32 (*table)[2], u32 index, u32 selector, u32 offset, u32 access, u32 params);
void set_stubs(u32 (*table)[2], u32 stubs, u32 access); /* all of a table: 16 bytes of code for each vector */
void fill(void *to, u32 byte, u32 count);

/* Run a snippet at ring with EAX, ECX, EDX, EBX; its line is printed. */
void run(const char *name, const void *code, u32 ring, u32 eax, u32 ecx, u32 edx, u32 ebx);
/* The same without a line: look at outcome. */
void attempt(const void *code, u32 ring, u32 eax, u32 ecx, u32 edx, u32 ebx);
void report(const char *name, const void *code);

#define RT_STR2(x) #x
#define RT_STR(x) RT_STR2(x)
#define RT_CAT2(a, b) a##b
#define RT_CAT(a, b) RT_CAT2(a, b)

/* Assembler text that ends in a near return, as an object in a section of its own; the value is its address. Basic asm: a % is a %. */
#define SNIPPET_(label, text)                                                                                                             \
    ({                                                                                                                                    \
        extern const char label[];                                                                                                        \
        __asm__(".pushsection .snippets, \"ax\"\n" RT_STR(label) ":\n" text "\nret\n.popsection");                                       \
        (const void *)label;                                                                                                              \
    })
#define SNIPPET(text) SNIPPET_(RT_CAT(snippet_, __COUNTER__), text)
#define TEST_AT(name, ring, eax, ecx, edx, ebx, text) run(name, SNIPPET(text), ring, eax, ecx, edx, ebx)
#define TEST(name, eax, ecx, text) TEST_AT(name, 0, eax, ecx, 0, 0, text)

static inline u32 read_cr0(void) { u32 v; __asm__ volatile("movl %%cr0, %0" : "=r"(v)); return v; }
static inline u32 read_cr2(void) { u32 v; __asm__ volatile("movl %%cr2, %0" : "=r"(v)); return v; }
static inline u32 read_cr3(void) { u32 v; __asm__ volatile("movl %%cr3, %0" : "=r"(v)); return v; }
static inline u32 read_cr4(void) { u32 v; __asm__ volatile("movl %%cr4, %0" : "=r"(v)); return v; }
static inline void write_cr0(u32 v) { __asm__ volatile("movl %0, %%cr0" : : "r"(v) : "memory"); }
static inline void write_cr3(u32 v) { __asm__ volatile("movl %0, %%cr3" : : "r"(v) : "memory"); }
static inline void write_cr4(u32 v) { __asm__ volatile("movl %0, %%cr4" : : "r"(v) : "memory"); }
static inline void invlpg(u32 a) { __asm__ volatile("invlpg (%0)" : : "r"(a) : "memory"); }
static inline void outb(u16 port, u8 v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory"); }
static inline u8 inb(u16 port) { u8 v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory"); return v; }
static inline void load_gdt_again(void) { __asm__ volatile("" : : : "memory"); }

int main(void);

#endif
