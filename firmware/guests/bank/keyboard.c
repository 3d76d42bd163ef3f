#include "guests/bank/keyboard.h"
#include "lib/cpu.h"
#include "lib/pic.h"
#include "lib/segments.h"
#include "ringfence.h"

#define GATES (IRQ_VECTOR + IRQ_KEYBOARD + 1)
#define INTERRUPT_GATE 0x8E00u
#define QUEUE 64 /* bytes, a power of two; what does not fit is lost */

static u32 idt[GATES][2] ALIGNED(8);
static volatile u8 queue[QUEUE];
static volatile u32 put_in, taken_out;

extern u8 keyboard_gate[];
asm(".globl keyboard_gate\n"
    "keyboard_gate: pushal\n\t"
    "cld\n\t"
    "call keyboard_interrupt\n\t"
    "popal\n\t"
    "iret");

void keyboard_interrupt(void);
void keyboard_interrupt(void)
{
    while (in8(PORT_KBC_STATUS) & KBC_STATUS_OUTPUT_FULL) {
        u8 byte = in8(PORT_KBC_DATA);
        if (put_in - taken_out < QUEUE)
            queue[put_in++ % QUEUE] = byte;
    }
    pic_end_of_interrupt(IRQ_KEYBOARD);
}

static void tell(u16 port, u8 byte)
{
    while (in8(PORT_KBC_STATUS) & KBC_STATUS_INPUT_FULL)
        ;
    out8(port, byte);
}

void keyboard_init(void)
{
    struct { u16 limit; u32 base; } __attribute__((packed)) table = {sizeof idt - 1, (u32)idt};
    idt[GATES - 1][0] = KERNEL_CODE << 16 | ((u32)keyboard_gate & 0xFFFF);
    idt[GATES - 1][1] = ((u32)keyboard_gate & 0xFFFF0000) | INTERRUPT_GATE;
    asm volatile("lidt %0" : : "m"(table));
    pic_init();
    tell(PORT_KBC_STATUS, KBC_WRITE_COMMAND_BYTE);
    tell(PORT_KBC_DATA, KBC_COMMAND_BYTE_KEYBOARD_INTERRUPT | KBC_COMMAND_BYTE_SYSTEM | KBC_COMMAND_BYTE_MOUSE_DISABLED |
                            KBC_COMMAND_BYTE_TRANSLATE);
    tell(PORT_KBC_DATA, KEYBOARD_ENABLE);
    pic_unmask(IRQ_KEYBOARD);
}

/* STI takes effect behind the HLT: no interrupt can come between the look and the sleep. */
u8 keyboard_byte(void)
{
    interrupts_off();
    while (put_in == taken_out) {
        wait_for_interrupt();
        interrupts_off();
    }
    u8 byte = queue[taken_out++ % QUEUE];
    return byte;
}

void keyboard_flush(void)
{
    interrupts_off();
    taken_out = put_in;
}
