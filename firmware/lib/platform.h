/* What a program can ask of the machine under it: bare (COM1, exit port) or the isolation kernel (hypercalls). */
#ifndef PLATFORM_H
#define PLATFORM_H

#include "lib/types.h"
#include "ringfence.h"

/* Finds out what is underneath and keeps the command line; start.S calls it before main. */
void platform_init(u32 boot_magic, const u32 *boot_info);

/* 1 above the isolation kernel, 0 on the bare machine (or an emulator of it). */
int above_isolation_kernel(void);

/* Where a device finds what lies at this address (mapped one to one): guests lie at an offset in the machine's memory. */
u32 machine_address(const void *physical);

/* VMMCALL: EAX = number, arguments in EBX, ECX, EDX. Only above the isolation kernel. */
int hypercall(u32 number, u32 ebx, u32 ecx, u32 edx);

/* Where the loader put the multiboot information. */
u32 boot_information(void);

/*
 * Above the isolation kernel: waits for a message that takes the place of the command line, also in memory, where an image that is
 * started again finds it. 0 if there is none to come.
 */
int receive_command_line(void);

/* Bytes of physical memory that the loader told of; 0 if it did not. */
u32 memory_size(void);

/* The number behind "NAME=" on the command line (decimal, or hexadecimal after 0x), or `otherwise`. */
u32 parameter(const char *name, u32 otherwise);

/* Copies the word behind "NAME=" to `text`; its length, 0 if there is none. */
u32 text_parameter(const char *name, char *text, u32 size);

/* Ends the program: SHUTDOWN hypercall or exit port. */
NORETURN void finish(u32 status);

void console_write(const char *text, u32 size);

/* %u %d %x (8 digits) %s %c %%; a line goes out when it ends. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
