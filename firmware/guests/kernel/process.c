#include "guests/kernel/process.h"
#include "guests/kernel/paging.h"
#include "lib/cpu.h"
#include "lib/pic.h"
#include "lib/platform.h"
#include "lib/segments.h"

#define FAILED_BAD_CALL 0x7C
#define FAILED_DIRTY_BIT 0x7B
#define STACK_ARGUMENTS 8 /* a return address that is never used, the argument */
#define FAULT_WAS_PRESENT 1u
#define WRITE_LIMIT 128

struct process processes[PROCESSES];
volatile u32 ticks, switches;
static u32 current;

extern u8 stack_top[];

static int in_user_memory(u32 address)
{
    return address - HEAP_BASE < HEAP_SIZE || address - (USER_STACK_TOP - USER_STACK_SIZE) < USER_STACK_SIZE;
}

void processes_prepare(void)
{
    processes[0] = (struct process){.directory = kernel_directory, .kernel_stack = (u32)stack_top, .alive = 1};
}

void process_abandon(u32 number)
{
    processes[number].alive = 0;
    current = 0;
    set_kernel_stack(processes[0].kernel_stack);
}

void processes_init(u32 timer_divisor)
{
    processes_prepare();
    timer_start(timer_divisor);
    pic_unmask(IRQ_TIMER);
    interrupts_on();
}

void process_place(u32 number, u32 *directory, u32 kernel_stack, void (*entry)(u32), u32 stack)
{
    struct frame *frame = (struct frame *)(kernel_stack - sizeof(struct frame));
    *frame = (struct frame){
        .eip = (u32)entry, .cs = USER_CODE, .eflags = EFLAGS_IF | EFLAGS_FIXED, .user_esp = stack, .user_ss = USER_DATA,
    };
    processes[number] = (struct process){.frame = frame, .directory = directory, .kernel_stack = kernel_stack, .alive = 1};
}

void process_start(u32 number, void (*entry)(u32), u32 argument)
{
    u32 *directory = new_directory();
    u32 kernel_stack = allocate_page() + PAGE_SIZE, stack_page = allocate_page();
    map_page(directory, USER_STACK_TOP - PAGE_SIZE, stack_page, PTE_PRESENT | PTE_WRITE | PTE_USER);
    *(u32 *)(stack_page + PAGE_SIZE - 4) = argument;
    process_place(number, directory, kernel_stack, entry, USER_STACK_TOP - STACK_ARGUMENTS);
}

static struct frame *schedule(struct frame *frame)
{
    processes[current].frame = frame;
    u32 next = current;
    do
        next = (next + 1) % PROCESSES;
    while (!processes[next].alive); /* process 0 always is */
    if (next == current)
        return frame;
    if (processes[next].directory != processes[current].directory)
        WRITE_CR(3, (u32)processes[next].directory);
    set_kernel_stack(processes[next].kernel_stack);
    current = next;
    switches++;
    return processes[next].frame;
}

struct frame *timer_tick(struct frame *frame)
{
    ticks++;
    return schedule(frame);
}

int demand_page(u32 address, u32 error)
{
    if (!current || (error & FAULT_WAS_PRESENT) || !in_user_memory(address))
        return 0;
    processes[current].page_faults++;
    map_page(processes[current].directory, address & PTE_FRAME, allocate_page(), PTE_PRESENT | PTE_WRITE | PTE_USER);
    return 1;
}

/* Takes a page from the process; one that it says it has written must have its dirty bit set. */
static u32 discard(u32 linear, u32 written)
{
    u32 *entry = page_entry(processes[current].directory, linear);
    u32 old = *entry;
    if (!in_user_memory(linear) || !(old & PTE_PRESENT))
        return 0;
    if (!(old & PTE_ACCESSED) || (written && !(old & PTE_DIRTY))) {
        print("process %u: page %x was used, its entry %x does not say so\n", current, linear, old);
        finish(FAILED_DIRTY_BIT);
    }
    *entry = 0;
    invalidate_page(linear);
    free_page(old & PTE_FRAME);
    return 1;
}

struct frame *system_call(struct frame *frame)
{
    switch (frame->eax) {
    case CALL_EXIT:
        processes[current].alive = 0;
        processes[current].result = frame->ebx;
        return schedule(frame);
    case CALL_WRITE: /* user text and rodata lie in the image, so the pointer needs no page of its own */
        if (frame->ecx > WRITE_LIMIT)
            break;
        console_write((const char *)frame->ebx, frame->ecx);
        return frame;
    case CALL_YIELD:
        return schedule(frame);
    case CALL_DISCARD:
        frame->eax = discard(frame->ebx & PTE_FRAME, frame->ecx);
        return frame;
    }
    print("process %u: bad system call %u\n", current, frame->eax);
    finish(FAILED_BAD_CALL);
}

u32 call_system(u32 number, u32 ebx, u32 ecx)
{
    u32 result;
    asm volatile("int %1" : "=a"(result) : "i"(VECTOR_SYSTEM_CALL), "a"(number), "b"(ebx), "c"(ecx) : "memory");
    return result;
}
