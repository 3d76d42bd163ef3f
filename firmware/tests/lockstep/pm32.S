/* Runtime of the images of random instructions, 32-bit protected mode (sim/programs/lockstep_image.py).
 *
 * `advance` enters the slot that the plan names next. The slot loads its case's state, executes the instruction and jumps to `done`; an
 * exception comes here through its stub instead. Either way the state is pushed onto the case's result (sim/programs/case.py: Result).
 * No stub touches the stack or a register before they are saved. ES and DS stay what the slot has loaded, so all goes through SS.
 */
#include "flat.h"
        .text
        .globl start, done, cursor, paging
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
        movw $0x18, %ax
        movw %ax, %fs
        movw $0x20, %ax
        movw %ax, %gs
        movl $scratch, %esp
        movl $stubs, %eax               /* interrupt gates: selector 8, present, DPL 3 so that INT n is allowed */
        movl $idt, %edi
        movl $256, %ecx
2:      movw %ax, (%edi)
        movw $0x08, 2(%edi)
        movw $0xEE00, 4(%edi)
        movl %eax, %edx
        shrl $16, %edx
        movw %dx, 6(%edi)
        addl $16, %eax
        addl $8, %edi
        decl %ecx
        jnz 2b
        lidt idt_pointer
        cmpl $0, paging
        je 4f
        movl $0x600000, %edi            /* a directory and two tables: 8 MiB as they are, in 4 KiB pages */
        movl $0x601003, (%edi)
        movl $0x602003, 4(%edi)
        movl $0x601000, %ebx
        movl $0x00000003, %eax
        movl $2048, %ecx
3:      movl %eax, (%ebx)
        addl $0x1000, %eax
        addl $4, %ebx
        decl %ecx
        jnz 3b
        movl %edi, %cr3
        movl %cr0, %eax
        orl $0x80010000, %eax
        movl %eax, %cr0
4:      jmp advance

        .balign 16
stubs:
        .set n, 0
        .rept 256
        .balign 16
        movl $n, %ss:vector
        .if (n == 8) || ((n >= 10) && (n <= 14)) || (n == 17)
        jmp trap_error
        .else
        jmp trap
        .endif
        .set n, n + 1
        .endr
        .balign 16
trap_error:
        popl %ss:error
trap:
        popl %ss:eip
        popl %ss:cs
        popl %ss:flags
        movl %esp, %ss:esp
        movl %ss:top, %esp
        pushal
        pushl %ss:vector
        pushl %ss:flags
        pushl %ss:esp
        push_segments %ss
        pushl %ss:eip
        pushl %ss:cs
        jmp advance

done:
        movl %esp, %ss:esp
        movl %ss:top, %esp
        pushal
        pushl $-1
        pushfl
        pushl %ss:esp
        push_segments %ss
advance:
        enter_next_slot

        .balign 8
gdt:    .quad 0
        .quad 0x00CF9B000000FFFF        /* 08: code */
        .quad 0x00CF93000000FFFF        /* 10: data */
        .quad 0x00CF93110000FFFF        /* 18: data, base 11_0000h (Layout.pool16) */
        .quad 0x00CF93080000FFFF        /* 20: data, base 08_0000h */
gdt_pointer:
        .word . - gdt - 1
        .long gdt
idt_pointer:
        .word 256 * 8 - 1
        .long idt
        .balign 4
vector: .long 0
eip:    .long 0
cs:     .long 0
flags:  .long 0
esp:    .long 0
error:  .long 0
top:    .long 0                         /* behind the result of the case that runs */
cursor: .long 0                         /* of the plan: a slot and the end of its result for each case */
paging: .long 0
        .balign 16
        .skip 256
scratch:
        .balign 16
idt:    .skip 256 * 8
