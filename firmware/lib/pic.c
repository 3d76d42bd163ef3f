#include "lib/pic.h"

#define ICW1_INIT_ICW4 0x11
#define ICW4_8086 0x01
#define OCW2_END_OF_INTERRUPT 0x20
#define PIT_CHANNEL_0 PORT_PIT
#define PIT_COMMAND (PORT_PIT + 3)
#define PIT_RATE_GENERATOR 0x34 /* channel 0, low then high byte, mode 2 */

static u16 masks = 0xFFFF;

static void write_mask(u32 irq)
{
    if (irq < 8)
        out8(PORT_PIC_MASTER + 1, (u8)masks);
    else
        out8(PORT_PIC_SLAVE + 1, (u8)(masks >> 8));
}

void pic_init(void)
{
    out8(PORT_PIC_MASTER, ICW1_INIT_ICW4);
    out8(PORT_PIC_MASTER + 1, IRQ_VECTOR);
    out8(PORT_PIC_MASTER + 1, 1 << IRQ_CASCADE);
    out8(PORT_PIC_MASTER + 1, ICW4_8086);
    out8(PORT_PIC_SLAVE, ICW1_INIT_ICW4);
    out8(PORT_PIC_SLAVE + 1, IRQ_VECTOR + 8);
    out8(PORT_PIC_SLAVE + 1, IRQ_CASCADE);
    out8(PORT_PIC_SLAVE + 1, ICW4_8086);
    masks = 0xFFFF & ~(1 << IRQ_CASCADE);
    write_mask(0);
    write_mask(8);
}

void pic_unmask(u32 irq)
{
    masks &= (u16)~(1 << irq);
    write_mask(irq);
}

void pic_mask(u32 irq)
{
    masks |= (u16)(1 << irq);
    write_mask(irq);
}

void pic_end_of_interrupt(u32 irq)
{
    if (irq >= 8)
        out8(PORT_PIC_SLAVE, OCW2_END_OF_INTERRUPT);
    out8(PORT_PIC_MASTER, OCW2_END_OF_INTERRUPT);
}

void timer_start(u32 divisor)
{
    out8(PIT_COMMAND, PIT_RATE_GENERATOR);
    out8(PIT_CHANNEL_0, (u8)divisor);
    out8(PIT_CHANNEL_0, (u8)(divisor >> 8));
}
