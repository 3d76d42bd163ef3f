/* The entry of every gate, the common path to trap(), and guarded(). */
#include "lib/segments.h"

#define EXCEPTIONS_WITH_ERROR_CODE 0x00027D00   /* bit n: vector n pushes one (8, 10 to 14, 17) */
#define GATES           48
#define SYSTEM_CALL     0x80

        .text
        .macro  gate vector
        .if     \vector >= 32
        pushl   $0
        .else
        .if     !((EXCEPTIONS_WITH_ERROR_CODE >> \vector) & 1)
        pushl   $0
        .endif
        .endif
        pushl   $\vector
        jmp     common
        .endm

        .altmacro
        .macro  numbered_gate vector
gate_\vector:
        gate    \vector
        .endm
        .set    n, 0
        .rept   GATES
        numbered_gate %n
        .set    n, n + 1
        .endr
        .globl  gate_system_call
gate_system_call:
        gate    SYSTEM_CALL

/* DS and ES are USER_DATA in both rings (flat, good for ring 0 too): nothing to save, but whoever came may have changed them. */
common: pushal
        cld
        movl    $USER_DATA, %eax
        movw    %ax, %ds
        movw    %ax, %es
        pushl   %esp
        call    trap
        .globl  return_to_frame
return_to_frame:                        /* EAX: the frame to return to, perhaps another process's */
        movl    %eax, %esp
        popal
        addl    $8, %esp
        iret

/* int guarded(void (*function)(u32), u32 argument) */
        .globl  guarded
guarded:
        pushl   %ebp
        pushl   %ebx
        pushl   %esi
        pushl   %edi
        pushfl
        pushl   recovery_stack
        movl    %esp, recovery_stack
        pushl   32(%esp)
        call    *32(%esp)
        movl    $-1, %eax
        jmp     leave_guarded
        .globl  recover
recover:                                /* void recover(int vector): ends the innermost guarded() with that result */
        movl    4(%esp), %eax
leave_guarded:
        movl    recovery_stack, %esp
        popl    recovery_stack
        popfl
        popl    %edi
        popl    %esi
        popl    %ebx
        popl    %ebp
        ret

        .section .rodata
        .globl  gate_table
gate_table:
        .macro  gate_address vector
        .long   gate_\vector
        .endm
        .set    n, 0
        .rept   GATES
        gate_address %n
        .set    n, n + 1
        .endr

        .bss
        .balign 4
        .globl  recovery_stack
recovery_stack:
        .skip   4
        .section .note.GNU-stack, "", @progbits
