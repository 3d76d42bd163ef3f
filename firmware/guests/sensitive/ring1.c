/*
 * The same kernel without ring -1: a monitor keeps ring 0 and runs it in ring 1, emulates what traps, and can do nothing about what
 * does not.
 */
#include "guests/sensitive/sensitive.h"
#include "lib/cpu.h"
#include "lib/pic.h"
#include "lib/platform.h"
#include "lib/segments.h"
#include "lib/string.h"

#define MONITOR_CODE 0x48
#define MONITOR_DATA 0x50
#define MONITOR_TASK 0x58
#define ENTRIES 12
#define GUEST_ENTRIES 8
#define DESCRIPTOR_DPL_1 0x2000u
#define DESCRIPTOR_CODE_OR_DATA 0x1000u
#define TSS_AVAILABLE 0x8900u
#define RING_1 1
#define BITMAP_BYTES (0x400 / 8) /* ports below 400h */
#define CR0_TS 8u
#define VECTOR_PROTECTION 13
#define FAILED_EXCEPTION 0x7E
#define OPCODE_CLI 0xFA
#define OPCODE_STI 0xFB
#define OPCODE_SYSTEM 0x0F
#define FLAT_CODE_HIGH 0x00CF9B00u
#define FLAT_DATA_HIGH 0x00CF9300u

struct monitor_task {
    u32 link, esp0, ss0, others[22];
    u16 trap, map_base;
    u8 map[BITMAP_BYTES + 1];
};

static u32 monitor_gdt[ENTRIES][2] ALIGNED(8), monitor_idt[EXCEPTIONS][2] ALIGNED(8);
static struct monitor_task task = {.ss0 = MONITOR_DATA};
static u8 ring1_stack[4096] ALIGNED(16);
extern u8 stack_top[];
extern u32 gdt[][2];

/* The kernel's descriptors, moved from ring 0 to ring 1: code and data alone, its task state and LDT are virtual. */
static void shadow_descriptors(void)
{
    for (u32 i = 1; i < GUEST_ENTRIES; i++) {
        u32 high = gdt[i][1];
        if (!(high & DESCRIPTOR_CODE_OR_DATA))
            continue;
        monitor_gdt[i][0] = gdt[i][0];
        monitor_gdt[i][1] = high | DESCRIPTOR_DPL_1;
    }
}

/* Length of an instruction that is emulated, or 0. What the others set is virtual and kept nowhere here: this kernel never asks again. */
static u32 emulate(const u8 *code)
{
    if (code[0] == OPCODE_CLI || code[0] == OPCODE_STI)
        return 1;
    if (code[0] != OPCODE_SYSTEM || code[1] == 0x02 || code[1] == 0x03)
        return 0;
    if (code[1] == 0x01 && code[2] == 0x10) /* lgdt (%eax) */
        shadow_descriptors();
    return 3;
}

void on_exception(struct trap_frame *frame)
{
    u32 length = frame->vector == VECTOR_PROTECTION ? emulate((const u8 *)frame->eip) : 0;
    if (length) {
        frame->eip += length;
        return;
    }
    if (!fixup) {
        print("monitor: exception %u at %x\n", frame->vector, frame->eip);
        finish(FAILED_EXCEPTION);
    }
    fault_vector = frame->vector;
    frame->eip = fixup;
}

/* Ring 1 begins and ends here; it may use COM1 and the exit port by the I/O map. */
static void kernel_in_ring_1(void) { finish((u32)observe()); }

int main(void)
{
    struct pseudo_descriptor gdtr = {sizeof monitor_gdt - 1, (u32)monitor_gdt}, idtr = {sizeof monitor_idt - 1, (u32)monitor_idt};
    pic_init();
    monitor_gdt[MONITOR_CODE / 8][0] = monitor_gdt[MONITOR_DATA / 8][0] = 0x0000FFFF;
    monitor_gdt[MONITOR_CODE / 8][1] = FLAT_CODE_HIGH;
    monitor_gdt[MONITOR_DATA / 8][1] = FLAT_DATA_HIGH;
    monitor_gdt[MONITOR_TASK / 8][0] = (u32)&task << 16 | (sizeof task - 1);
    monitor_gdt[MONITOR_TASK / 8][1] = ((u32)&task & 0xFF000000) | TSS_AVAILABLE | ((u32)&task >> 16 & 0xFF);
    shadow_descriptors();
    set_exception_gates(monitor_idt, MONITOR_CODE);
    task.esp0 = (u32)stack_top;
    task.map_base = (u32)((u8 *)task.map - (u8 *)&task);
    task.map[BITMAP_BYTES] = 0xFF;
    asm volatile("lgdtl %0; lidtl %1; ltr %w2; lldt %w3" : : "m"(gdtr), "m"(idtr), "r"(MONITOR_TASK), "r"(0));
    WRITE_CR(0, READ_CR(0) | CR0_TS); /* the monitor keeps a lazy coprocessor: TS is its own */
    asm volatile("movw %w0, %%ds; movw %w0, %%es; movw %w0, %%fs; movw %w0, %%gs" : : "r"(KERNEL_DATA)); /* now of ring 1: else IRET clears them */
    asm volatile("pushl %0; pushl %1; pushl %2; pushl %3; pushl %4; iret"
                 : : "i"(KERNEL_DATA | RING_1), "i"(ring1_stack + sizeof ring1_stack), "i"(EFLAGS_IF | EFLAGS_FIXED), "i"(KERNEL_CODE | RING_1),
                   "i"(kernel_in_ring_1));
    return 1;
}
