/* Runtime of the images of random instructions, 32-bit protected mode (sim/programs/lockstep_image.py).
 *
 * Each case's slot stores where to go next and where its result lies, loads its state, executes the instruction and jumps to
 * `done`; an exception comes here through its stub instead. Either way the state is saved, copied to the result, and the next
 * slot entered. No stub touches the stack or a register before they are saved.
 */
        .text
        .globl start, done, next, result, first, scratch, paging
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
4:      jmp *first

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
        movl %eax, %ss:save
        movl %ecx, %ss:save + 4
        movl %edx, %ss:save + 8
        movl %ebx, %ss:save + 12
        movl %ebp, %ss:save + 20
        movl %esi, %ss:save + 24
        movl %edi, %ss:save + 28
        popl %ss:eip
        popl %eax
        movw %ax, %ss:selectors + 2
        popl %ss:flags
        movl %esp, %ss:save + 16
        jmp finish

done:
        movl %eax, %ss:save
        movl %ecx, %ss:save + 4
        movl %edx, %ss:save + 8
        movl %ebx, %ss:save + 12
        movl %esp, %ss:save + 16
        movl %ebp, %ss:save + 20
        movl %esi, %ss:save + 24
        movl %edi, %ss:save + 28
        movl $scratch, %esp
        pushfl
        popl %ss:flags
        movl $-1, %ss:vector
        movl $0, %ss:eip
        movw $0, %ss:selectors + 2
finish:
        movw %es, %ss:selectors
        movw %ss, %ss:selectors + 4
        movw %ds, %ss:selectors + 6
        movw %fs, %ss:selectors + 8
        movw %gs, %ss:selectors + 10
        movl $0x10, %eax
        movl %eax, %ds
        movl %eax, %es
        movl $scratch, %esp
        cld
        movl $save, %esi
        movl result, %edi
        movl $14, %ecx
        rep movsl
        jmp *next

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
save:   .skip 32
flags:  .long 0
vector: .long 0
eip:    .long 0
selectors:
        .skip 12
error:  .long 0
next:   .long 0
result: .long 0
first:  .long 0
paging: .long 0
        .balign 16
        .skip 256
scratch:
        .balign 16
idt:    .skip 256 * 8
