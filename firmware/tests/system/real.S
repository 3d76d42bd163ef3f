/* From protected mode to real mode and back, with interrupts through the real-mode table, 32-bit registers, and segment limits kept. */
#include "ringfence.h"
        .text
        .globl main
main:
        pushl $title
        call put
        addl $4, %esp
        pushal
        movl %esp, saved_esp
        /* The real-mode part is copied to 8000h. */
        movl $real_start, %esi
        movl $0x8000, %edi
        movl $real_end - real_start, %ecx
        rep movsb
        movl $gdt + 0x58, %edi
        movl $0x0000FFFF, (%edi)        /* 58: 16-bit code */
        movl $0x00009B00, 4(%edi)
        movl $0x0000FFFF, 8(%edi)       /* 60: 16-bit data */
        movl $0x00009300, 12(%edi)
        cli
        ljmp $0x58, $0x8000

        .globl back
back:   movw $0x10, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movl saved_esp, %esp
        lidt idt_pointer
        popal
        movl $values, %esi
1:      movl (%esi), %eax               /* name, then where its value lies */
        testl %eax, %eax
        jz 2f
        movl 4(%esi), %ecx
        pushl (%ecx)
        pushl %eax
        call value
        addl $8, %esp
        addl $8, %esi
        jmp 1b
2:      pushl $ending
        call put
        addl $4, %esp
        xorl %eax, %eax
        ret

        .code16
real_start:
        movw $0x60, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movw %ax, %fs                   /* real mode keeps limits and rights: a null selector's are nobody's promise */
        movw %ax, %gs
        movl %cr0, %eax
        andl $~1, %eax
        movl %eax, %cr0
        ljmp $0x800, $real_mode - real_start
real_mode:
        movw $0x900, %ax                /* results at 9000h */
        movw %ax, %ds
        movw %ax, %es
        xorw %ax, %ax
        movw %ax, %ss
        movl $0x12347000, %esp          /* only SP counts */
        lidtl %cs:real_idt - real_start
        movl $0, 0x00
        smsw 0x00
        andl $1, 0x00
        movw %cs, 0x04
        movw $0, 0x06
        /* INT through the table at 0 */
        xorw %ax, %ax
        movw %ax, %fs
        movw $handler - real_start, %fs:0x21 * 4
        movw $0x800, %fs:0x21 * 4 + 2
        movw $handler_de - real_start, %fs:0
        movw $0x800, %fs:2
        movw $handler_ud - real_start, %fs:6 * 4
        movw $0x800, %fs:6 * 4 + 2
        movl $0, 0x08
        stc
        int $0x21
        pushf
        popw 0x0C
        movw $0, 0x0E
        /* #DE: the saved IP is the instruction's */
        movl $0, 0x10
        xorw %cx, %cx
        divw %cx
after_de:
        movl $0, 0x14
        ud2
after_ud:
        /* 32-bit operands and addresses */
        movl $0x12345678, %eax
        roll $8, %eax
        movl %eax, 0x18
        movl $0x20, %ebx
        movl $0x89ABCDEF, (%ebx,%ebx,1)
        movl 0x40, %eax
        movl %eax, 0x1C
        /* segment arithmetic: 8F0:100 is 900:0 */
        movw $0x8F0, %ax
        movw %ax, %gs
        movl %gs:0x118, %eax
        movl %eax, 0x20
        /* a far call and return, a far jump */
        lcall $0x7F0, $(far_target - real_start + 0x100)
        movw %dx, 0x24
        movw $0, 0x26
        /* ESP's high half is kept */
        movl %esp, %eax
        movl %eax, 0x28
        pushl $0xCAFEBABE
        popl 0x2C
        /* A20: FFFF:10 is 1 MiB, not 0 */
        movw $0xFFFF, %ax
        movw %ax, %gs
        movl %gs:0x10, %eax
        movl %eax, 0x30
        /* pushf in real mode: IOPL can be set */
        pushl $0x3002
        popfl
        pushfl
        popl %eax
        andl $0x37700, %eax
        movl %eax, 0x34
        pushl $2
        popfl
        /* segments that protected mode loads keep their base and limit afterwards */
        movw %ds, %bp
        lgdtl %cs:gdt_copy - real_start
        movl %cr0, %eax
        orl $1, %eax
        movl %eax, %cr0
        jmp 1f
1:      movw $0x10, %bx
        movw %bx, %fs
        andl $~1, %eax
        movl %eax, %cr0
        jmp 1f
1:      movl $0x100000, %ebx
        movl %fs:(%ebx), %eax           /* the multiboot magic of this program, beyond 64 KiB */
        movl %eax, 0x38
        movw %fs, 0x3C
        movw $0, 0x3E
        xorw %ax, %ax
        movw %ax, %fs
        movl %cr0, %eax
        orl $1, %eax
        movl %eax, %cr0
        ljmpl $0x08, $back
far_target:
        movw %cs, %dx
        lret
handler:
        movw $0x2121, 0x08
        pushfw
        popw %ax
        andw $0x301, %ax
        movw %ax, 0x0A
        iret
handler_de:
        movw %sp, %bp
        movw (%bp), %ax
        subw $after_de - real_start, %ax
        movw %ax, 0x10
        movw $after_de - real_start, (%bp)
        iret
handler_ud:
        movw %sp, %bp
        movw (%bp), %ax
        subw $after_ud - real_start, %ax
        movw %ax, 0x14
        movw $after_ud - real_start, (%bp)
        iret
        .balign 4
real_idt:
        .word 0x3FF
        .long 0
        .balign 4
gdt_copy:
        .word 128 * 8 - 1
        .long gdt
real_end:
        .code32
        .data
title:  .asciz "real\n"
ending: .asciz "end\n"
        .balign 4
saved_esp: .long 0
values: .long n0, 0x9000, n1, 0x9004, n2, 0x9008, n3, 0x900C, n4, 0x9010, n5, 0x9014, n6, 0x9018, n7, 0x901C, n8, 0x9020, n9, 0x9024
        .long n10, 0x9028, n11, 0x902C, n12, 0x9030, n13, 0x9034, n14, 0x9038, n15, 0x903C, 0
n0:     .asciz "PE in real mode"
n1:     .asciz "cs"
n2:     .asciz "int 21h, with IF, TF and CF in the handler"
n3:     .asciz "flags after iret"
n4:     .asciz "#DE saves its own address"
n5:     .asciz "#UD saves its own address"
n6:     .asciz "32-bit rotate"
n7:     .asciz "32-bit address"
n8:     .asciz "another segment, same byte"
n9:     .asciz "cs in a far call"
n10:    .asciz "esp"
n11:    .asciz "push and pop"
n12:    .asciz "FFFF:10 is 1 MiB"
n13:    .asciz "popf sets IOPL"
n14:    .asciz "limit kept from protected mode"
n15:    .asciz "its selector"
