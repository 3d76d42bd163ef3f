/* Entry of every multiboot program: own GDT and stack, then platform_init(magic, info), main(), finish(its result). */
#include "lib/segments.h"

#define MULTIBOOT_HEADER_MAGIC  0x1BADB002
#define MULTIBOOT_FLAGS         2               /* memory information, please */
#define STACK_SIZE              8192

        .section .multiboot, "a"
        .balign 4
        .long   MULTIBOOT_HEADER_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_HEADER_MAGIC + MULTIBOOT_FLAGS)

        .text
        .globl  start
start:  cld
        lgdtl   gdt_pointer
        ljmpl   $KERNEL_CODE, $1f
1:      movl    $KERNEL_DATA, %ecx
        movw    %cx, %ds
        movw    %cx, %es
        movw    %cx, %fs
        movw    %cx, %gs
        movw    %cx, %ss
        movl    $stack_top, %esp
        xorl    %ebp, %ebp
        pushl   %ebx
        pushl   %eax
        call    platform_init
        call    main
        pushl   %eax
        call    finish

        .data
        .balign 8
        .globl  gdt
gdt:    .quad   0
        .quad   0x00CF9B000000FFFF      /* KERNEL_CODE: flat, ring 0; accessed already, so that loads write nothing */
        .quad   0x00CF93000000FFFF      /* KERNEL_DATA */
        .quad   0x00CFFB000000FFFF      /* USER_CODE: flat, ring 3 */
        .quad   0x00CFF3000000FFFF      /* USER_DATA */
        .quad   0                       /* TASK_STATE and the others: filled in by who needs them */
        .quad   0
        .quad   0
gdt_pointer:
        .word   gdt_pointer - gdt - 1
        .long   gdt

        .section .bss.stack, "aw", @nobits
        .balign 64
        .globl  stack_bottom, stack_top
stack_bottom:
        .skip   STACK_SIZE
stack_top:

        .section .note.GNU-stack, "", @progbits
