#include "guests/kernel/traps.h"
#include "guests/kernel/process.h"
#include "lib/cpu.h"
#include "lib/pic.h"
#include "lib/platform.h"
#include "lib/segments.h"

#define GATES 48
#define IRQS 16
#define GATE_INTERRUPT 0x8E00u
#define GATE_FROM_RING_3 0x6000u
#define TSS_TYPE_AVAILABLE 0x89u
#define FAILED_UNEXPECTED_TRAP 0x7E

struct tss {
    u32 link, esp0, ss0, others[23];
};

extern u32 gdt[][2];
extern const u32 gate_table[GATES];
extern u8 gate_system_call[], stack_top[];
extern u32 recovery_stack;
NORETURN void recover(int vector);
struct frame *trap(struct frame *frame);

struct fault last_fault;
static u32 idt[256][2] ALIGNED(2048);
static struct tss tss;
static void (*irq_handlers[IRQS])(void);
static int (*exception_hook)(struct frame *frame);

static void set_gate(u32 vector, u32 entry, u32 attributes)
{
    idt[vector][0] = KERNEL_CODE << 16 | (entry & 0xFFFF);
    idt[vector][1] = (entry & 0xFFFF0000) | attributes;
}

void set_kernel_stack(u32 top) { tss.esp0 = top; }

void set_exception_hook(int (*hook)(struct frame *frame)) { exception_hook = hook; }

void on_interrupt(u32 irq, void (*handler)(void))
{
    irq_handlers[irq] = handler;
    pic_unmask(irq);
}

void traps_init(void)
{
    struct { u16 limit; u32 base; } __attribute__((packed)) pointer = {sizeof idt - 1, (u32)idt};
    for (u32 vector = 0; vector < GATES; vector++)
        set_gate(vector, gate_table[vector], GATE_INTERRUPT);
    set_gate(VECTOR_SYSTEM_CALL, (u32)gate_system_call, GATE_INTERRUPT | GATE_FROM_RING_3);
    asm volatile("lidt %0" : : "m"(pointer));

    tss.ss0 = KERNEL_DATA;
    tss.esp0 = (u32)stack_top;
    tss.others[sizeof tss.others / 4 - 1] = sizeof tss << 16; /* the I/O bitmap lies beyond the limit: no ports for ring 3 */
    gdt[TASK_STATE / 8][0] = (u32)&tss << 16 | (sizeof tss - 1);
    gdt[TASK_STATE / 8][1] = ((u32)&tss & 0xFF000000) | TSS_TYPE_AVAILABLE << 8 | ((u32)&tss >> 16 & 0xFF);
    asm volatile("ltr %w0; movl %1, %%eax; movw %%ax, %%ds; movw %%ax, %%es" : : "r"(TASK_STATE), "i"(USER_DATA) : "eax");
}

static struct frame *interrupt(struct frame *frame)
{
    u32 irq = frame->vector - IRQ_VECTOR;
    if (irq_handlers[irq])
        irq_handlers[irq]();
    pic_end_of_interrupt(irq);
    return irq == IRQ_TIMER ? timer_tick(frame) : frame;
}

struct frame *trap(struct frame *frame)
{
    if (frame->vector == VECTOR_SYSTEM_CALL)
        return system_call(frame);
    if (frame->vector >= IRQ_VECTOR)
        return interrupt(frame);
    if (exception_hook && exception_hook(frame))
        return frame;
    u32 address = READ_CR(2);
    if (frame->vector == VECTOR_PAGE_FAULT && demand_page(address, frame->error))
        return frame;
    if (recovery_stack) {
        last_fault = (struct fault){(int)frame->vector, frame->error, address, frame->eip};
        recover((int)frame->vector);
    }
    print("unexpected exception %u, error code %x, at %x:%x, CR2 %x\n", frame->vector, frame->error, frame->cs, frame->eip, address);
    finish(FAILED_UNEXPECTED_TRAP);
}
