/* The kernel under observation, and what it shares with the monitor that moves it to ring 1. */
#ifndef SENSITIVE_H
#define SENSITIVE_H

#include "lib/types.h"

#define VECTOR_SOFTWARE 0x30    /* the kernel's own gate, DPL 0 */
#define EXCEPTIONS 32

/* As traps.S leaves it; esp and ss are there only when the privilege changed. */
struct trap_frame {
    u32 edi, esi, ebp, unused_esp, ebx, edx, ecx, eax;
    u32 vector, error;
    u32 eip, cs, eflags, esp, ss;
};

struct pseudo_descriptor {
    u16 limit;
    u32 base;
} __attribute__((packed));

extern const u32 exception_gates[EXCEPTIONS];
extern u8 software_gate[];

/* Where to go on after a fault (0: nowhere), and the vector of the last one. */
extern volatile u32 fixup, fault_vector;

/* Fills gates for all exceptions; selector is the code segment of the handlers. */
void set_exception_gates(u32 (*idt)[2], u32 selector);
void set_interrupt_gate(u32 (*idt)[2], u32 vector, u32 entry, u32 selector);

/* Every exception; in the ring 1 build it belongs to the monitor. */
void on_exception(struct trap_frame *frame);

/* The kernel: looks at the machine with each of the 17 instructions and prints what it sees. */
int observe(void);

#endif
