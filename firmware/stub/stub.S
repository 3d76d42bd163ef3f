/*
 * The ring -1 stub: the part of the isolation kernel that must run on the processor.
 *
 * The host puts the image on any page of ring -1's memory and enters it by the boot block with EBX = that page (flat 32-bit
 * protected mode, paging off). It switches SVM on and then does what the kernel answers in the mailbox (contracts/host_link.py),
 * for ever. GIF is clear but while a guest runs or a window for an interrupt is open; IF is always set, so that
 * physical interrupts end a guest that runs with V_INTR_MASKING.
 *
 * EBX = base of the stub, EBP = vCPU block of the command at hand, but in RUN, where they are the guest's for a while.
 * An exception of the stub itself (a vCPU block outside memory, say) stores STUB_FAULT + vector in VECTOR and goes back to the mailbox.
 */
#include "ringfence.h"

#define CODE            0x08
#define DATA            0x10
#define GATE_SIZE       8
#define GATE_ATTRIBUTES 0x8E00          /* present, ring 0, 32-bit interrupt gate */
#define VECTORS         256
#define CALL            0xE8
#define CALL_SIZE       5               /* a thunk is a call, and says by its address which vector it serves */
#define THUNK_SIZE      8
#define THUNK_SHIFT     3
#define FRAME_EFLAGS    20              /* above EAX, EBX, the thunk's return address, EIP, CS */
#define EFLAGS_IF       0x200
#define WINDOW_INTERRUPT 1
#define WINDOW_INIT     2
#define STUB_FAULT      0x80000000
#define COMMAND_MASK    0xFFF

#ifndef READ_MAILBOX                    /* a test puts a routine of its own here */
#define READ_MAILBOX    movl PHYSICAL_HOST_LINK + HOST_LINK_MAILBOX, %eax
#endif

        .section .stub, "awx"
        .globl  stub_start
stub_start:
        cli
        cld
        leal    gdt(%ebx), %eax         /* descriptor tables of our own: the BIOS's are not trusted */
        movl    %eax, gdt_base(%ebx)
        lgdtl   gdt_pointer(%ebx)
        movl    $DATA, %eax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        leal    stack_top(%ebx), %esp
        pushl   $CODE
        leal    reload_cs(%ebx), %eax
        pushl   %eax
        lret
reload_cs:
        xorl    %ecx, %ecx              /* gate n leads to thunk n; both are made here, so that there is little to be measured */
        leal    thunks(%ebx), %eax
        leal    idt(%ebx), %edi
next_gate:
        movw    %ax, (%edi)
        movw    $CODE, 2(%edi)
        movl    %eax, %edx
        movw    $GATE_ATTRIBUTES, %dx
        movl    %edx, 4(%edi)
        leal    interrupt - CALL_SIZE(%ebx), %edx
        subl    %eax, %edx
        movb    $CALL, (%eax)
        movl    %edx, 1(%eax)
        addl    $THUNK_SIZE, %eax
        addl    $GATE_SIZE, %edi
        incl    %ecx
        cmpl    $VECTORS, %ecx
        jne     next_gate
        leal    idt(%ebx), %eax
        movl    %eax, idt_base(%ebx)
        lidtl   idt_pointer(%ebx)

        movl    $MSR_EFER, %ecx
        rdmsr
        orl     $EFER_SVME, %eax
        wrmsr
        movl    $MSR_VM_HSAVE_PA, %ecx
        leal    host_save(%ebx), %eax
        xorl    %edx, %edx
        wrmsr
        clgi
        movl    $WINDOW_INIT, window(%ebx)      /* an INIT that waits since before a late launch: VM_CR.R_INIT makes it #SX, once */
        stgi
        nop
        clgi
        movl    $0, window(%ebx)
        sti

mailbox:                                /* the read stalls until the kernel answers */
        READ_MAILBOX
        movl    %eax, %ebp
        andl    $~COMMAND_MASK, %ebp
        movl    %ebp, block(%ebx)
        andl    $COMMAND_MASK, %eax
        cmpl    $STUB_RUN, %eax
        je      run
        cmpl    $STUB_TAKE_INTERRUPT, %eax
        je      take_interrupt
        cmpl    $STUB_INVLPGA, %eax
        je      invalidate_page
        cmpl    $STUB_HALT, %eax
        je      halt
        cmpl    $STUB_SHUTDOWN, %eax
        jne     mailbox

        cli                             /* SHUTDOWN: GIF is clear as well, only a reset ends this */
1:      hlt
        jmp     1b

run:                                    /* the stack keeps the stub's EBX; the block's address is VMRUN's EAX, which VMRUN gives back */
        pushl   %ebx
        movl    %ebp, %eax
        movl    VCPU_EBX(%eax), %ebx
        movl    VCPU_ECX(%eax), %ecx
        movl    VCPU_EDX(%eax), %edx
        movl    VCPU_ESI(%eax), %esi
        movl    VCPU_EDI(%eax), %edi
        movl    VCPU_EBP(%eax), %ebp
        vmload  %eax
        vmrun   %eax
        vmsave  %eax
        movl    %ebx, VCPU_EBX(%eax)
        movl    %ecx, VCPU_ECX(%eax)
        movl    %edx, VCPU_EDX(%eax)
        movl    %esi, VCPU_ESI(%eax)
        movl    %edi, VCPU_EDI(%eax)
        movl    %ebp, VCPU_EBP(%eax)
        popl    %ebx
        jmp     mailbox

take_interrupt:                         /* IF is clear when GIF opens, so that the window starts at STI */
        movl    $-1, VCPU_VECTOR(%ebp)
        cli
        movl    $WINDOW_INTERRUPT, window(%ebx)
        stgi
        sti
        nop                             /* STI's shadow */
        nop                             /* here a pending interrupt is taken */
        jmp     close_window

halt:
        movl    $-1, VCPU_VECTOR(%ebp)
        cli
        movl    $WINDOW_INTERRUPT, window(%ebx)
        stgi
        sti
        hlt                             /* in STI's shadow: an interrupt wakes it, never slips in before it */
close_window:
        clgi
        movl    $0, window(%ebx)
        sti
        jmp     mailbox

invalidate_page:
        movl    VCPU_LINEAR(%ebp), %eax
        movl    VCPU_ASID_ARG(%ebp), %ecx
        invlpga %eax, %ecx
        jmp     mailbox

/* Every gate leads here by its thunk; (%esp) is the thunk's return address, above it EIP, CS, EFLAGS. EBX may be the guest's. */
interrupt:
        pushl   %ebx
        call    here
here:   popl    %ebx
        subl    $here, %ebx
        pushl   %eax
        movl    8(%esp), %eax           /* vector = number of the thunk */
        subl    %ebx, %eax
        subl    $(thunks + CALL_SIZE), %eax
        shrl    $THUNK_SHIFT, %eax
        cmpl    $WINDOW_INIT, window(%ebx)
        je      init
        cmpl    $0, window(%ebx)
        je      fault
        movl    %eax, VCPU_VECTOR(%ebp)
        andl    $~EFLAGS_IF, FRAME_EFLAGS(%esp)         /* one interrupt a window */
        popl    %eax
        popl    %ebx
        addl    $4, %esp
        iretl

init:                                   /* nothing else comes in that window: IF is clear */
        popl    %eax
        popl    %ebx
        addl    $8, %esp                /* the thunk's return address, #SX's error code */
        iretl

fault:
        movl    block(%ebx), %ebp
        orl     $STUB_FAULT, %eax
        movl    %eax, VCPU_VECTOR(%ebp)
        leal    stack_top(%ebx), %esp
        clgi
        sti
        jmp     mailbox

        .balign 8
gdt:    .quad   0
        .quad   0x00CF9B000000FFFF      /* CODE: flat */
        .quad   0x00CF93000000FFFF      /* DATA: flat */
gdt_pointer:
        .word   gdt_pointer - gdt - 1
gdt_base:
        .long   0
idt_pointer:
        .word   VECTORS * GATE_SIZE - 1
idt_base:
        .long   0
window: .long   0                       /* what is expected, if anything */
block:  .long   0                       /* the vCPU block of the command at hand */

        .balign 4096, 0
thunks: .skip   VECTORS * THUNK_SIZE
idt:    .skip   VECTORS * GATE_SIZE
host_save:                              /* for implementations that keep the host's state in memory */
        .skip   PAGE_SIZE
        .skip   PAGE_SIZE
stack_top:
