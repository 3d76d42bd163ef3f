/* What the files of the disk program share. */
#ifndef DISK_H
#define DISK_H

#include "guests/kernel/ide.h"
#include "lib/types.h"

#define FAILED_TRANSFER 2
#define FAILED_COMPARE 3

/* memory behind the image that no allocation reaches; BORDER is a multiple of 64 KiB */
#define BORDER 0x00200000u
#define SOURCE ((u8 *)(BORDER - 0x10000))
#define TARGET ((u8 *)(BORDER + 0x40000))

/* Ends the program unless that went well. */
void must(const char *what, enum ide_result result);

/*
 * For a disk that is given and taken away while the program runs: uses it whenever it is there, and then keeps it busy until it is gone.
 * Each time what it has written was there when it read, it prints a line. Its sectors, DISK_SHARE_SECTORS from TAG * DISK_SHARE_SECTORS
 * on, and all data that it moves bear its tag (1 to 255) in the high byte of each word. Never returns.
 */
NORETURN void share(u32 tag, int irq, u32 patience);

/*
 * Leaves work in the disk that begins when somebody lets it master the bus again: the rest of a transfer, DISK_PARK_SECTOR to that
 * machine address, where the program's own memory ends. Prints a line when it is done. Never returns.
 */
NORETURN void park(u32 address);

#endif
