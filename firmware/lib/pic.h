/* The two 8259s and channel 0 of the 8254. */
#ifndef PIC_H
#define PIC_H

#include "lib/cpu.h"
#include "ringfence.h"

#define IRQ_VECTOR 0x20 /* IRQ 0; the others follow */

/* ICW1 to ICW4, vectors from IRQ_VECTOR on, all lines masked. */
void pic_init(void);
void pic_unmask(u32 irq);
void pic_mask(u32 irq);
void pic_end_of_interrupt(u32 irq);

/* Channel 0, mode 2: an interrupt every `divisor` periods of 1,193,182 Hz. */
void timer_start(u32 divisor);

#endif
