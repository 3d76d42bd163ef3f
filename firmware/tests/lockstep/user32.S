/* Runtime of the images of random instructions in ring 3 with page faults; see pm32.S for what it does. Each case has two pages of its own,
 * whose entries the image holds at `pages`. A case that comes to its end executes INT 80h.
 */
#include "flat.h"
        .text
        .globl start, cursor, scratch, pages, page_count
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
        movw $0x3B, %ax
        movw %ax, %fs
        movw $0x43, %ax
        movw %ax, %gs
        movl $scratch, %esp
        movl $stubs, %eax
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
        movl $tss, %eax
        movw %ax, gdt + 0x48 + 2
        shrl $16, %eax
        movb %al, gdt + 0x48 + 4
        movb %ah, gdt + 0x48 + 7
        movl $scratch, tss + 4
        movl $0x10, tss + 8
        movw $0x48, %ax
        ltr %ax
        movl $0x600000, %edi            /* directory, then four tables: 16 MiB as they are, open to ring 3 */
        movl $0x601007, (%edi)
        movl $0x602007, 4(%edi)
        movl $0x603007, 8(%edi)
        movl $0x604007, 12(%edi)
        movl $0x601000, %ebx
        movl $0x00000007, %eax
        movl $4096, %ecx
3:      movl %eax, (%ebx)
        addl $0x1000, %eax
        addl $4, %ebx
        decl %ecx
        jnz 3b
        movl page_count, %ecx           /* the cases' own pages, from 7 MiB */
        movl $pages, %esi
        movl $0x601000 + 0x700 * 4, %ebx
4:      movzbl (%esi), %eax
        movl (%ebx), %edx
        andl $~7, %edx
        orl %eax, %edx
        movl %edx, (%ebx)
        incl %esi
        addl $4, %ebx
        decl %ecx
        jnz 4b
        movl %edi, %cr3
        movl %cr0, %eax
        orl $0x80010000, %eax
        movl %eax, %cr0
        jmp advance

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
trap:   pushl $0
trap_error:
        popl %ss:error
        popl %ss:eip
        popl %ss:cs
        popl %ss:flags
        popl %ss:esp
        popl %ss:stack
        movl %ss:top, %esp
        pushal
        movl %cr2, %eax
        movl %ss:vector, %edx
        cmpl $14, %edx
        je 5f
        xorl %eax, %eax
5:      cmpl $0x80, %edx
        jne 6f
        movl $-1, %edx
6:      pushl %edx
        pushl %ss:flags
        pushl %ss:esp
        push_segments %ss:stack
        pushl %ss:eip
        pushl %ss:cs
        pushl %eax
        pushl %ss:error
advance:
        enter_next_slot

        .balign 8
gdt:    .quad 0
        .quad 0x00CF9B000000FFFF        /* 08: code */
        .quad 0x00CF93000000FFFF        /* 10: data */
        .quad 0
        .quad 0
        .quad 0x00CFFB000000FFFF        /* 28: code of ring 3 */
        .quad 0x00CFF3000000FFFF        /* 30: data of ring 3 */
        .quad 0x00CFF3110000FFFF        /* 38: data of ring 3, base 11_0000h */
        .quad 0x00CFF3080000FFFF        /* 40: data of ring 3, base 08_0000h */
        .quad 0x0000890000000067        /* 48: TSS */
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
stack:  .long 0                         /* the case's SS */
error:  .long 0
top:    .long 0
cursor: .long 0
page_count:
        .long 0
pages:  .skip 1024
        .balign 16
        .skip 256
scratch:
        .balign 16
idt:    .skip 256 * 8
tss:    .skip 104
