/* Runtime of the images of random instructions in real mode, at 0000:0600; see pm32.S for what it does. */
        .code16
        .text
        .globl stubs, done, next, result, first, scratch
        movl %cr0, %eax
        andl $~1, %eax
        movl %eax, %cr0
        ljmp $0, $1f
1:      xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %ss
        movw $scratch, %sp
        lidtw idt_pointer
        ljmp *first

        .balign 16
stubs:
        .set n, 0
        .rept 256
        .balign 16
        movw $n, %cs:vector
        jmp trap
        .set n, n + 1
        .endr
        .balign 16
trap:
        movl %eax, %cs:save
        movl %ecx, %cs:save + 4
        movl %edx, %cs:save + 8
        movl %ebx, %cs:save + 12
        movl %ebp, %cs:save + 20
        movl %esi, %cs:save + 24
        movl %edi, %cs:save + 28
        popw %cs:eip
        popw %cs:selectors + 2
        popw %cs:flags
        movw $0, %cs:flags + 2
        movl %esp, %cs:save + 16
        movw %ss, %cs:selectors + 4
        jmp finish

done:
        movl %eax, %cs:save
        movl %ecx, %cs:save + 4
        movl %edx, %cs:save + 8
        movl %ebx, %cs:save + 12
        movl %esp, %cs:save + 16
        movl %ebp, %cs:save + 20
        movl %esi, %cs:save + 24
        movl %edi, %cs:save + 28
        movw %ss, %cs:selectors + 4
        movw %cs, %ax
        movw %ax, %ss
        movl $scratch, %esp
        pushfl
        popl %cs:flags
        movl $-1, %cs:vector
        movw $0, %cs:eip
        movw $0, %cs:selectors + 2
finish:
        movw %es, %cs:selectors
        movw %ds, %cs:selectors + 6
        movw %fs, %cs:selectors + 8
        movw %gs, %cs:selectors + 10
        xorw %ax, %ax
        movw %ax, %ss
        movl $scratch, %esp
        movw %ax, %ds
        cld
        movw $save, %si
        movw result + 2, %es            /* far pointer */
        movw result, %di
        movw $14, %cx
        rep movsl
        movw $0, vector + 2
        ljmp *next

idt_pointer:
        .word 0x3FF
        .long 0
        .balign 4
save:   .skip 32
flags:  .long 0
vector: .long 0
eip:    .long 0
selectors:
        .skip 12
next:   .long 0
result: .long 0
first:  .long 0
        .balign 16
        .skip 256
scratch:
