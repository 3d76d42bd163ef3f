#include "guests/sensitive/sensitive.h"

#define GATE_INTERRUPT 0x8E00u

void set_interrupt_gate(u32 (*idt)[2], u32 vector, u32 entry, u32 selector)
{
    idt[vector][0] = selector << 16 | (entry & 0xFFFF);
    idt[vector][1] = (entry & 0xFFFF0000) | GATE_INTERRUPT;
}

void set_exception_gates(u32 (*idt)[2], u32 selector)
{
    for (u32 vector = 0; vector < EXCEPTIONS; vector++)
        set_interrupt_gate(idt, vector, exception_gates[vector], selector);
}
