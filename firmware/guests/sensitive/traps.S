/* Exception entries, and the kernel's software interrupt. */
#define EXCEPTIONS 32
#define WITH_ERROR_CODE 0x00027D00

        .text
        .altmacro
        .macro  entry vector
exception_\vector:
        .if     !((WITH_ERROR_CODE >> \vector) & 1)
        pushl   $0
        .endif
        pushl   $\vector
        jmp     common
        .endm
        .set    n, 0
        .rept   EXCEPTIONS
        entry   %n
        .set    n, n + 1
        .endr

common: pushal
        cld
        pushl   %esp
        call    on_exception
        addl    $4, %esp
        popal
        addl    $8, %esp
        iret

        .globl  software_gate
software_gate:
        incl    software_interrupts
        iret

        .section .rodata
        .globl  exception_gates
exception_gates:
        .macro  address vector
        .long   exception_\vector
        .endm
        .set    n, 0
        .rept   EXCEPTIONS
        address %n
        .set    n, n + 1
        .endr
        .section .note.GNU-stack, "", @progbits
