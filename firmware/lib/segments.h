/* Selectors of the GDT in start.S. For C and assembler. */
#ifndef SEGMENTS_H
#define SEGMENTS_H

#define KERNEL_CODE 0x08
#define KERNEL_DATA 0x10
#define USER_CODE 0x1B
#define USER_DATA 0x23
#define TASK_STATE 0x28
#define SPARE_1 0x30
#define SPARE_2 0x38

#endif
