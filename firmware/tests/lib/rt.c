/* See rt.h. */
#include "rt.h"

u32 gdt[128][2] __attribute__((aligned(8)));
u32 idt[256][2] __attribute__((aligned(8)));
u32 ldt[16][2] __attribute__((aligned(8)));
struct tss tss __attribute__((aligned(8))) = {.bitmap = BITMAP_CLOSED};
struct outcome outcome;
u32 (*trap_hook)(struct frame *);
u32 show;
u32 snippet_flags = 2;
u32 stack_ring[4];

static u8 stacks[4][4096] __attribute__((aligned(4096)));

extern u32 recover_armed, entry_esp, ok_eax, ok_ecx, ok_edx, ok_ebx, ok_esi, ok_edi, ok_flags, ok_vector;
extern char outer_return[];
void attempt_code(const void *code, u32 ring, const u32 *registers, u32 stack, u32 flags, u32 cs, u32 ss);
void rt_init(void);
u32 rt_trap(struct frame *f);

#define LCR (PORT_COM1 + 3)
#define LCR_8N1 3 /* reset leaves 5 bits, and not every loader is a BIOS */
#define LSR (PORT_COM1 + 5)
#define LSR_THR_EMPTY 0x20
#define PRINTED_FLAGS 0x00027700 /* VM, NT, IOPL, DF, IF, TF: the others are undefined too often, RF differs */

void putchar(char c)
{
    while (!(inb(LSR) & LSR_THR_EMPTY))
        ;
    outb(PORT_COM1, (u8)c);
}

void put(const char *s)
{
    u32 c;
    while ((c = *(const u8 *)s++)) { /* as putchar, which costs a call: most of a program's time is spent here */
        while (!(inb(LSR) & LSR_THR_EMPTY))
            ;
        outb(PORT_COM1, (u8)c);
    }
}

void put_hex(u32 value, u32 digits)
{
    while (digits--)
        putchar("0123456789abcdef"[value >> (4 * digits) & 15]);
}

void put_number(u32 value)
{
    u32 digits = 1;
    while (digits < 8 && value >> (4 * digits))
        digits++;
    put_hex(value, digits);
}

void put_field(const char *name, u32 value)
{
    putchar(' ');
    put(name);
    putchar('=');
    put_number(value);
}

void newline(void) { putchar('\n'); }

void value(const char *name, u32 v)
{
    put(name);
    put(": ");
    put_number(v);
    newline();
}

void finish(u32 status)
{
    outb(PORT_EXIT, (u8)status);
    for (;;)
        __asm__ volatile("cli; hlt");
}

void fill(void *to, u32 byte, u32 count)
{
    u32 words = count >> 2;
    __asm__ volatile("rep stosl" : "+D"(to), "+c"(words) : "a"(byte * 0x01010101u) : "memory");
    words = count & 3;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(words) : "a"(byte) : "memory");
}

static void put_descriptor(u32 *d, u32 base, u32 limit, u32 access, u32 flags)
{
    d[0] = (limit & 0xFFFF) | base << 16;
    d[1] = (base >> 16 & 0xFF) | access << 8 | (limit & 0xF0000) | flags << 20 | (base & 0xFF000000);
}

void set_segment(u32 selector, u32 base, u32 limit, u32 access, u32 flags)
{
    put_descriptor(selector & 4 ? ldt[selector >> 3] : gdt[selector >> 3], base, limit, access, flags);
}

void set_gate(u32 (*table)[2], u32 index, u32 selector, u32 offset, u32 access, u32 params)
{
    table[index][0] = (offset & 0xFFFF) | selector << 16;
    table[index][1] = params | access << 8 | (offset & 0xFFFF0000);
}

void set_stubs(u32 (*table)[2], u32 stubs, u32 access)
{
    u32 n;
    for (n = 0; n < 256; n++, stubs += 16) {
        table[n][0] = (stubs & 0xFFFF) | SEL_CODE(0) << 16;
        table[n][1] = access << 8 | (stubs & 0xFFFF0000);
    }
}

void rt_init(void)
{
    static const u8 open[] = {3, 4, VECTOR_RETURN}; /* to ring 3 */
    u32 r, n;
    outb(LCR, LCR_8N1);
    for (r = 0; r < 4; r++) {
        set_segment(SEL_CODE(r), 0, 0xFFFFF, ACC(r, T_CODE_RX), FL_G | FL_B);
        set_segment(SEL_DATA(r), 0, 0xFFFFF, ACC(r, T_DATA_RW), FL_G | FL_B);
        stack_ring[r] = (u32)stacks[r] + sizeof stacks[r] - 64;
    }
    set_segment(SEL_TSS, (u32)&tss, sizeof tss - 1, ACC(0, T_TSS32), 0);
    set_segment(SEL_LDT, (u32)ldt, sizeof ldt - 1, ACC(0, T_LDT), 0);
    tss.iomap = 104;
    tss.ss0 = SEL_DATA(0);
    tss.esp0 = (u32)ring0_stack_top - 8192;
    tss.ss1 = SEL_DATA(1);
    tss.esp1 = stack_ring[1] - 1024;
    tss.ss2 = SEL_DATA(2);
    tss.esp2 = stack_ring[2] - 1024;
    set_stubs(idt, (u32)trap_stubs, ACC(0, T_INT32));
    for (n = 0; n < sizeof open / sizeof *open; n++)
        idt[open[n]][1] |= ACC(3, 0) << 8;
}

u32 rt_trap(struct frame *f)
{
    if (trap_hook && trap_hook(f))
        return 1;
    if (!recover_armed) {
        put("UNEXPECTED");
        put_field("vector", f->vector);
        put_field("error", f->error);
        put_field("cs", f->cs);
        put_field("eip", f->eip);
        put_field("cr2", read_cr2());
        newline();
        finish(0x7F);
    }
    outcome.vector = f->vector == VECTOR_RETURN ? ~0u : f->vector;
    outcome.error = f->error;
    outcome.eip = f->eip;
    outcome.cs = f->cs & 0xFFFF;
    outcome.eflags = f->eflags;
    outcome.ss = f->cs & 3 ? f->ss & 0xFFFF : 0;
    outcome.esp_offset = (f->cs & 3 ? f->esp : (u32)&f->esp) - entry_esp;
    outcome.cr2 = read_cr2();
    outcome.eax = f->eax;
    outcome.ecx = f->ecx;
    outcome.edx = f->edx;
    outcome.ebx = f->ebx;
    outcome.esi = f->esi;
    outcome.edi = f->edi;
    ok_vector = 0;
    return 0;
}

void attempt(const void *code, u32 ring, u32 eax, u32 ecx, u32 edx, u32 ebx)
{
    u32 registers[4] = {eax, ecx, edx, ebx};
    u32 stack = stack_ring[ring];
    if (ring) {
        stack -= 4;
        *(u32 *)stack = (u32)outer_return;
    }
    ok_vector = 0;
    attempt_code(code, ring, registers, stack, snippet_flags, SEL_CODE(ring), SEL_DATA(ring));
    if (ok_vector == ~0u) {
        outcome.vector = ~0u;
        outcome.eax = ok_eax;
        outcome.ecx = ok_ecx;
        outcome.edx = ok_edx;
        outcome.ebx = ok_ebx;
        outcome.esi = ok_esi;
        outcome.edi = ok_edi;
        outcome.eflags = ok_flags;
        outcome.esp_offset = 0;
    }
}

static void put_shown(void)
{
    if (show & SHOW_EAX)
        put_field("eax", outcome.eax);
    if (show & SHOW_ECX)
        put_field("ecx", outcome.ecx);
    if (show & SHOW_EDX)
        put_field("edx", outcome.edx);
    if (show & SHOW_EBX)
        put_field("ebx", outcome.ebx);
    if (show & SHOW_ESI)
        put_field("esi", outcome.esi);
    if (show & SHOW_EDI)
        put_field("edi", outcome.edi);
}

/* Fields with their usual value are left out: the console is the slow part. */
static void put_other(const char *name, u32 value, u32 usual)
{
    if (value != usual)
        put_field(name, value);
}

void report(const char *name, const void *code)
{
    put(name);
    if (outcome.vector == ~0u) {
        put(": ok");
        put_shown();
        if (show & SHOW_ZF)
            put_field("zf", outcome.eflags >> 6 & 1);
        if (show & SHOW_FLAGS)
            put_field("flags", outcome.eflags & PRINTED_FLAGS);
    } else {
        put(": #");
        put_hex(outcome.vector, 2);
        put_other("error", outcome.error, 0);
        put_other("at", outcome.eip - (u32)code, 0);
        put_other("cs", outcome.cs, SEL_CODE(0));
        put_other("flags", outcome.eflags & PRINTED_FLAGS, 0);
        if (outcome.cs & 3)
            put_field("ss", outcome.ss);
        if (outcome.vector == 14)
            put_field("cr2", outcome.cr2);
        put_other("sp", outcome.esp_offset, 0);
        put_shown();
    }
    newline();
}

void run(const char *name, const void *code, u32 ring, u32 eax, u32 ecx, u32 edx, u32 ebx)
{
    attempt(code, ring, eax, ecx, edx, ebx);
    report(name, code);
}
