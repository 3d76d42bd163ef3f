/* What the runtimes of 32-bit images (pm32.S, user32.S) do alike, through SS as ES and DS are the cases'. */

/* The segments in a result; `stack` is the case's SS. */
        .macro push_segments stack
        pushl %es
        pushl \stack
        pushl %ds
        pushl %fs
        pushl %gs
        .endm

/* Into the slot that the plan names next, with `top` behind its result. */
        .macro enter_next_slot
        movl %ss:cursor, %esi
        movl %ss:(%esi), %edi
        movl %ss:4(%esi), %eax
        movl %eax, %ss:top
        addl $8, %esi
        movl %esi, %ss:cursor
        movl $scratch, %esp
        jmp *%edi
        .endm
