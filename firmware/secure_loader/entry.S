/*
 * The secure loader block's header, and its first instructions: SKINIT comes here (AMD64 APM vol. 2, 15.27).
 *
 * EAX = the block's base, ESP = its end; CS and SS are flat, the other segments those of real mode; GIF is clear. The loader is linked at
 * 0 and lies anywhere in RAM from 1 MiB on: its code and data segments begin at the block and end with it, so that a stray pointer of it
 * finds a fault (and, as there is no IDT, a platform reset) rather than memory of somebody else. FS is flat, for what must be reached.
 */
#include "ringfence.h"

#define CODE            0x08
#define DATA            0x10
#define FLAT            0x18
#define FLAT_CODE       0x20
#define GDT_SIZE        0x28
#define HIGH_CODE       0x00409B00      /* high word of a descriptor: code, 32 bits, bytes; base bits 31:16 are added */
#define HIGH_DATA       0x00409300
#define HIGH_FLAT       0x00CF9300      /* pages, limit bits 19:16 set */
#define HIGH_FLAT_CODE  0x00CF9B00
#define LOW             0x0000FFFF      /* base bits 15:0 are zero */
#define BASE_HIGH       0xFF000000
#define CACHES_OFF      0x60000000      /* CR0.CD and NW: as whoever launched has left them */

        .section .header, "ax"
        .word   loader_entry            /* contracts/late_launch.py: entry, length */
        .word   measured_end

        .globl  loader_entry, enter_stub
loader_entry:
        cld
        cmpl    $PHYSICAL_EXTENDED_RAM, %eax           /* what is written below must be there when it is read: the ROM would bring tables of its own */
        jb      nowhere
        cmpl    $PHYSICAL_NOWHERE, %eax
        jae     nowhere
        movl    %eax, %edi              /* the block, all along */
        movl    %eax, %edx
        shrl    $16, %edx
        movb    $0, %dh
        andl    $BASE_HIGH, %eax
        orl     %eax, %edx              /* its base as a descriptor's high word has it */
        leal    HIGH_CODE(%edx), %eax
        movl    %eax, %ss:gdt + CODE + 4(%edi)
        leal    HIGH_DATA(%edx), %eax
        movl    %eax, %ss:gdt + DATA + 4(%edi)
        movl    $HIGH_FLAT, %ss:gdt + FLAT + 4(%edi)
        movl    $HIGH_FLAT_CODE, %ss:gdt + FLAT_CODE + 4(%edi)
        movl    $LOW, %eax
        .irp    selector, CODE, DATA, FLAT, FLAT_CODE
        movl    %eax, %ss:gdt + \selector(%edi)
        .endr
        leal    gdt(%edi), %eax
        movl    %eax, %ss:gdt_base(%edi)
        movw    $GDT_SIZE - 1, %ss:gdt_limit(%edi)
        lgdtl   %ss:gdt_limit(%edi)
        lidtl   %ss:no_idt(%edi)        /* INIT has left one at 0, where others have written */
        ljmpl   $CODE, $in_block
in_block:
        movl    $DATA, %eax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movl    $BLOCK_SIZE, %esp
        movl    $FLAT, %eax
        movw    %ax, %fs
        movl    %cr0, %eax
        andl    $~CACHES_OFF, %eax
        movl    %eax, %cr0
        pushl   %edi
        call    load

enter_stub:                             /* void enter_stub(u32 base): as the reset ROM enters a program */
        movl    4(%esp), %ebx
        movl    $FLAT, %eax
        movw    %ax, %es
        pushl   $FLAT_CODE
        pushl   %ebx
        movw    %ax, %ds
        lret                            /* the stub takes a stack of its own before it needs one */

nowhere: jmp    nowhere
no_idt: .skip   6

        .bss
        .balign 8
gdt:    .skip   GDT_SIZE
gdt_limit: .skip 2
gdt_base: .skip 4
