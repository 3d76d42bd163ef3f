/* Runtime of the images of random instructions in real mode, in the first 64 KiB; see pm32.S for what it does. */
        .code16
        .text
        .globl stubs, done, cursor, top
        movl %cr0, %eax
        andl $~1, %eax
        movl %eax, %cr0
        ljmp $0, $1f
1:      xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %ss
        movw $scratch, %sp
        lidtw idt_pointer
        jmp advance

        .balign 16
stubs:
        .set n, 0
        .rept 256
        .org stubs + 12 * n
        movw $n, %cs:vector
        jmp trap
        .set n, n + 1
        .endr
        .balign 16
trap:
        popw %cs:eip
        popw %cs:selector
        popw %cs:flags
        movl %esp, %cs:esp
        movw %ss, %cs:stack
        lss %cs:top, %sp
        pushal
        pushl %cs:vector
        pushl %cs:flags
        pushl %cs:esp
        pushl %es
        pushl %cs:stack
        pushl %ds
        pushl %fs
        pushl %gs
        pushl %cs:eip
        pushl %cs:selector
        jmp advance

done:
        movl %esp, %cs:esp
        movw %ss, %cs:stack
        lss %cs:top, %sp
        pushal
        pushl $-1
        pushfl
        pushl %cs:esp
        pushl %es
        pushl %cs:stack
        pushl %ds
        pushl %fs
        pushl %gs
advance:
        movw %cs:cursor, %si
        movw %cs:(%si), %ax
        movw %ax, %cs:slot + 2
        movw %cs:2(%si), %ax
        movw %ax, %cs:top + 2
        addw $4, %si
        movw %si, %cs:cursor
        ljmp *%cs:slot

idt_pointer:
        .word 0x3FF
        .long 0
        .balign 4
vector: .long 0
eip:    .long 0
selector:
        .long 0
flags:  .long 0
esp:    .long 0
stack:  .long 0
slot:   .long 0                         /* far pointers: to the slot, and behind the result, of the case that runs */
top:    .long 0
cursor: .word 0                         /* of the plan: the segments of both for each case */
        .balign 16
        .skip 64
scratch:
