/* Start of the images of random instructions for real mode: copies what belongs below 640 KiB from 2 MiB down, and goes there. */
        .text
        .globl start, length
        .long 0x1BADB002, 0, -0x1BADB002
        .balign 16
start:
        cli
        cld
        lgdt gdt_pointer
        ljmp $0x08, $1f
1:      movw $0x10, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movl $0x200000, %esi
        movl $0, %edi
        movl length, %ecx
        shrl $2, %ecx
        rep movsl
        movw $0x20, %ax                 /* segments as real mode knows them: 64 KiB */
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %fs
        movw %ax, %gs
        movw %ax, %ss
        ljmp $0x18, $0x1000
        .balign 8
gdt:    .quad 0
        .quad 0x00CF9B000000FFFF
        .quad 0x00CF93000000FFFF
        .quad 0x00009B000000FFFF        /* 18: 16-bit code */
        .quad 0x000093000000FFFF        /* 20: 16-bit data */
gdt_pointer:
        .word . - gdt - 1
        .long gdt
        .balign 4
length: .long 0
