/* Ring-3 processes, switched by the timer and by system calls; process 0 is the kernel's own main thread. */
#ifndef PROCESS_H
#define PROCESS_H

#include "guests/kernel/traps.h"
#include "ringfence.h"

#define PROCESSES 4
#define HEAP_BASE 0x40000000u
#define HEAP_SIZE 0x00100000u
#define USER_STACK_TOP 0x40200000u
#define USER_STACK_SIZE 0x00004000u

enum system_call_number { CALL_EXIT, CALL_WRITE, CALL_YIELD, CALL_DISCARD };

struct process {
    struct frame *frame;
    u32 *directory;
    u32 kernel_stack;
    int alive;
    u32 result, page_faults;
};

extern struct process processes[PROCESSES];
extern volatile u32 ticks, switches;

/* Makes the caller process 0. */
void processes_prepare(void);

/* Ends one, whichever was running; the caller goes on as process 0. */
void process_abandon(u32 number);

/* Process 0, the timer (divisor of 1,193,182 Hz) and interrupts on, after pic_init. */
void processes_init(u32 timer_divisor);

/* Starts an entry, with no argument that it may use, in ring 3 as process `number`, in a directory and on stacks (their ends) of the caller's. */
void process_place(u32 number, u32 *directory, u32 kernel_stack, void (*entry)(u32), u32 stack);

/* Starts entry(argument) in ring 3 as process `number`, in memory of its own. */
void process_start(u32 number, void (*entry)(u32), u32 argument);

/* From any ring: INT 80h. */
u32 call_system(u32 number, u32 ebx, u32 ecx);

#endif
