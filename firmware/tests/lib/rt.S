/* Entry, trap stubs and the way into and out of snippets. See rt.h. */
#include "ringfence.h"

        .text
        .globl start, trap_stubs, attempt_code, ring0_stack_top
        .long 0x1BADB002, 0, -0x1BADB002
        .balign 16
start:
        cli
        cld
        movl $0x11, %eax                /* caches on, whatever the firmware left */
        movl %eax, %cr0
        movl $ring0_stack_top, %esp
        call rt_init
        lgdt gdt_pointer
        ljmp $0x08, $1f
1:      movw $0x10, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        xorl %eax, %eax
        movw %ax, %fs
        movw %ax, %gs
        lidt idt_pointer
        lldt %ax
        movw $0x48, %ax
        ltr %ax
        pushl $2
        popfl
        call main
        pushl %eax
        call finish

/* attempt_code(code, ring, registers, stack of the ring, flags, cs, ss): returns when the snippet has returned or trapped. */
attempt_code:
        pushl %ebp
        pushl %ebx
        pushl %esi
        pushl %edi
        movl 20(%esp), %edx             /* code */
        movl 24(%esp), %ecx             /* ring */
        movl %esp, recover_esp
        movl $1, recover_armed
        testl %ecx, %ecx
        jnz outer
        movl 36(%esp), %esi             /* flags */
        movl 28(%esp), %ebp             /* registers */
        movl %esp, entry_esp
        subl $4, entry_esp
        movl %edx, snippet_code
        movl (%ebp), %eax
        movl 4(%ebp), %ecx
        movl 8(%ebp), %edx
        movl 12(%ebp), %ebx
        pushl %esi
        popfl
        call *snippet_code
        movl %eax, ok_eax               /* back: the flags are still the snippet's */
        pushfl
        popl %eax
        cli
        cld
        movl %eax, ok_flags
        movl %ecx, ok_ecx
        movl %edx, ok_edx
        movl %ebx, ok_ebx
        movl %esi, ok_esi
        movl %edi, ok_edi
        movl $-1, ok_vector
        jmp recover
outer:
        movl 32(%esp), %ebp             /* its stack, with the address of outer_return on top */
        movl %ebp, entry_esp
        movl %esp, tss + 4              /* ESP0 */
        subl $256, tss + 4
        pushl 44(%esp)                  /* SS */
        pushl %ebp
        pushl 36 + 8(%esp)              /* EFLAGS */
        pushl 40 + 12(%esp)             /* CS */
        pushl %edx
        movl 44 + 20(%esp), %esi
        movl %esi, %ds
        movl %esi, %es
        movl %ss:28 + 20(%esp), %ebp
        movl %ss:(%ebp), %eax
        movl %ss:4(%ebp), %ecx
        movl %ss:8(%ebp), %edx
        movl %ss:12(%ebp), %ebx
        iret

        .globl recover
recover:
        movw $0x10, %ax
        movw %ax, %ss
        movl recover_esp, %esp
        movw %ax, %ds
        movw %ax, %es
        xorl %eax, %eax
        movw %ax, %fs
        movw %ax, %gs
        movl $0, recover_armed
        pushl $2
        popfl
        cld
        popl %edi
        popl %esi
        popl %ebx
        popl %ebp
        ret

        .globl outer_return
outer_return:
        int $0x80

        .balign 16
trap_stubs:
        .set n, 0
        .rept 256
        .balign 16
        .if !((n == 8) || ((n >= 10) && (n <= 14)) || (n == 17) || (n == 30))
        pushl $0
        .endif
        pushl $n
        jmp trap
        .set n, n + 1
        .endr
trap:
        pushal
        pushl %ds
        pushl %es
        pushl %fs
        pushl %gs
        movw $0x10, %ax
        movw %ax, %ds
        movw %ax, %es
        cld
        movl %esp, %ebx
        pushl %esp
        call rt_trap                    /* 0: give up the frame and recover */
        movl %ebx, %esp
        testl %eax, %eax
        jz recover
        popl %gs
        popl %fs
        popl %es
        popl %ds
        popal
        addl $8, %esp
        iret

        .data
        .balign 8
gdt_pointer:
        .word 128 * 8 - 1
        .long gdt
        .balign 8
idt_pointer:
        .word 256 * 8 - 1
        .long idt
        .globl recover_armed, entry_esp, ok_eax, ok_ecx, ok_edx, ok_ebx, ok_esi, ok_edi, ok_flags, ok_vector, gdt_pointer, idt_pointer
recover_armed: .long 0
recover_esp: .long 0
entry_esp: .long 0
snippet_code: .long 0
ok_eax: .long 0
ok_ecx: .long 0
ok_edx: .long 0
ok_ebx: .long 0
ok_esi: .long 0
ok_edi: .long 0
ok_flags: .long 0
ok_vector: .long 0
        .bss
        .balign 16
        .skip 16384
ring0_stack_top:
