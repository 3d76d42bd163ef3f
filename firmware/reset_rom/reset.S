/*
 * The reset ROM: the machine's BIOS, which nobody trusts. 64 KiB at FFFF0000h, seen again at F0000h.
 *
 * It looks for a boot block at BOOT_ADDRESS (contracts/boot.py). If one is there, it turns the caches on and enters the program in flat
 * 32-bit protected mode with the block's EAX and EBX, and says nothing, so that COM1 holds the program's output alone. If none is
 * there, it prints a line on COM1 and halts.
 */
#include "ringfence.h"

#define ROM_BASE     PHYSICAL_ROM
#define ROM_CODE     0x08
#define ROM_DATA     0x10
#define CACHES_OFF   0x60000000        /* CR0.CD and NW, set by reset; the caches are empty by then */
#define A20_ENABLE   0x02              /* port 92h; bit 0 would reset the machine */
#define A20_KEEP     0xFE
#define UART_LCR     (PORT_COM1 + 3)
#define UART_LSR     (PORT_COM1 + 5)
#define LCR_8N1      0x03
#define LCR_DIVISOR  0x80
#define LSR_EMPTY    0x20

        .section .rom, "ax"
        .globl  rom_start
rom_start:
        .code16
real_mode:                              /* CS base FFFF0000h, all other bases 0 */
        cli
        cld
        xorl    %eax, %eax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        inb     $PORT_SYSTEM_CONTROL_A, %al
        orb     $A20_ENABLE, %al
        andb    $A20_KEEP, %al
        outb    %al, $PORT_SYSTEM_CONTROL_A

        cmpl    $BOOT_MAGIC, BOOT_ADDRESS + BOOT_BLOCK_MAGIC
        jne     nothing_to_boot
        testl   $BOOT_FLAG_KEEP, BOOT_ADDRESS + BOOT_BLOCK_FLAGS
        jnz     enter_program
        movl    $0, BOOT_ADDRESS + BOOT_BLOCK_MAGIC     /* one boot a block: a reset finds nothing */
enter_program:
        lgdtl   %cs:(gdt_pointer - rom_start)
        movl    %cr0, %eax
        andl    $~CACHES_OFF, %eax
        orb     $1, %al
        movl    %eax, %cr0
        ljmpl   $ROM_CODE, $protected_mode

nothing_to_boot:
        movw    $UART_LCR, %dx          /* 115,200 baud: divisor 1; 8 bits, no parity, 1 stop bit */
        movb    $LCR_DIVISOR, %al
        outb    %al, %dx
        movw    $PORT_COM1, %dx
        movb    $1, %al
        outb    %al, %dx
        incw    %dx
        movb    $0, %al
        outb    %al, %dx
        movw    $UART_LCR, %dx
        movb    $LCR_8N1, %al
        outb    %al, %dx
        movw    $(message - rom_start), %si
next_character:
        movb    %cs:(%si), %bl
        incw    %si
        testb   %bl, %bl
        jz      halt
        movw    $UART_LSR, %dx
wait_for_uart:
        inb     %dx, %al
        testb   $LSR_EMPTY, %al
        jz      wait_for_uart
        movw    $PORT_COM1, %dx
        movb    %bl, %al
        outb    %al, %dx
        jmp     next_character
halt:   hlt
        jmp     halt

        .code32
protected_mode:
        movl    $ROM_DATA, %eax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %fs
        movw    %ax, %gs
        movw    %ax, %ss
        movl    BOOT_ADDRESS + BOOT_BLOCK_EBX, %ebx
        movl    BOOT_ADDRESS + BOOT_BLOCK_EAX, %eax
        jmp     *(BOOT_ADDRESS + BOOT_BLOCK_ENTRY)

        .balign 8
gdt:    .quad   0
        .quad   0x00CF9B000000FFFF      /* 08h: code, base 0, 4 GiB, accessed already: this table cannot be written */
        .quad   0x00CF93000000FFFF      /* 10h: data, likewise */
gdt_end:
gdt_pointer:
        .word   gdt_end - gdt - 1
        .long   gdt

message:
        .ascii  "Ringfence reset ROM: no program in memory, halted.\r\n\0"

        .section .vector, "ax"
        .code16
        jmp     real_mode               /* FFFFFFF0h: near, since a far jump would change CS and with it leave the top of memory */
