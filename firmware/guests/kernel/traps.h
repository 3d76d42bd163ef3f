/* Exceptions, interrupts and system calls: gates, the frame they leave, and a way to survive an expected fault. */
#ifndef TRAPS_H
#define TRAPS_H

#include "lib/types.h"

#define VECTOR_PAGE_FAULT 14
#define VECTOR_SYSTEM_CALL 0x80
#define NO_FAULT (-1)

/* What a trap leaves on the kernel stack; user_esp and user_ss only when it came from ring 3. */
struct frame {
    u32 edi, esi, ebp, unused_esp, ebx, edx, ecx, eax;
    u32 vector, error;
    u32 eip, cs, eflags, user_esp, user_ss;
};

struct fault {
    int vector;
    u32 error, address, eip;
};

/* The last exception that guarded() caught. */
extern struct fault last_fault;

/* IDT and TSS; interrupts stay off. */
void traps_init(void);

/* The stack that traps from ring 3 use. */
void set_kernel_stack(u32 top);

/* Calls function(argument). NO_FAULT, or the vector of the exception that ended it. */
int guarded(void (*function)(u32), u32 argument);

/* A handler for one exception vector ahead of everything else; returns not 0 when it has dealt with it. NULL takes it away. */
void set_exception_hook(int (*hook)(struct frame *frame));

void on_interrupt(u32 irq, void (*handler)(void));

/* Of process.c: next frame to return to, given the one just left. */
struct frame *system_call(struct frame *frame);
struct frame *timer_tick(struct frame *frame);
int demand_page(u32 address, u32 error);

#endif
