/*
 * The ring -1 stub above a scripted kernel: scripted_kernel() stands where the mailbox is read, checks what the last command did
 * and gives the next one. Runs wherever SVM is (QEMU with -cpu qemu32,+svm, the RTL natively).
 */
#include "lib/cpu.h"
#include "lib/pic.h"
#include "lib/platform.h"
#include "lib/string.h"
#include "lib/vmcb.h"

#define TIMER_DIVISOR 1193 /* a millisecond */

extern void stub_start(void);
u32 scripted_kernel(void);

static u8 block[VCPU_SIZE] ALIGNED(4096);
static u32 failures;

/* Guests. Each ends in VMMCALL; the registers are looked at by the kernel. */
asm(".text\n"
    "guest_registers: incl %eax; incl %ebx; incl %ecx; incl %edx; incl %esi; incl %edi; incl %ebp; std; vmmcall\n"
    "guest_spin: sti; jmp guest_spin\n");
extern u8 guest_registers[], guest_spin[];

static u32 get(u32 offset) { return *vmcb32(block, offset); }
static void set(u32 offset, u32 value) { *vmcb32(block, offset) = value; }

static void expect(const char *what, u32 seen, u32 wanted)
{
    if (seen != wanted) {
        print("stub test: %s is %x, not %x\n", what, seen, wanted);
        failures++;
    }
}

static u32 run(u8 *eip)
{
    vmcb_flat(block, (u32)eip, 0);
    set(VMCB_INTERCEPT_GENERAL1, INTERCEPT1_INTR);
    set(VMCB_INTERCEPT_GENERAL2, INTERCEPT2_VMRUN | INTERCEPT2_VMMCALL);
    set(VMCB_INT_CONTROL, INT_CONTROL_V_INTR_MASKING);
    set(VMCB_RAX, 10);
    for (u32 i = VCPU_EBX; i <= VCPU_EBP; i += 4)
        set(i, 20 + i);
    return (u32)block | STUB_RUN;
}

static u32 vector_command(u32 command)
{
    set(VCPU_VECTOR, 0x12345678);
    return (u32)block | command;
}

u32 scripted_kernel(void)
{
    static u32 step;
    switch (step++) {
    case 0:
        return run(guest_registers);
    case 1:
        expect("exit code", get(VMCB_EXITCODE), EXIT_VMMCALL);
        expect("EAX", get(VMCB_RAX), 11);
        for (u32 i = VCPU_EBX; i <= VCPU_EBP; i += 4)
            expect("a register", get(i), 21 + i);
        timer_start(TIMER_DIVISOR);
        pic_init();
        pic_unmask(IRQ_TIMER);
        return run(guest_spin);
    case 2:
        expect("exit code of a guest in a loop", get(VMCB_EXITCODE), EXIT_INTR);
        return vector_command(STUB_TAKE_INTERRUPT);
    case 3:
        expect("vector taken", get(VCPU_VECTOR), IRQ_VECTOR);
        return vector_command(STUB_TAKE_INTERRUPT);
    case 4: /* no end of interrupt yet */
        expect("vector of an empty window", get(VCPU_VECTOR), 0xFFFFFFFF);
        pic_end_of_interrupt(IRQ_TIMER);
        return vector_command(STUB_HALT);
    case 5:
        expect("vector that ends HALT", get(VCPU_VECTOR), IRQ_VECTOR);
        pic_init(); /* all lines masked: a slow machine must not see another tick in the guest below */
        set(VCPU_LINEAR, 0x1000);
        set(VCPU_ASID_ARG, 1);
        return (u32)block | STUB_INVLPGA;
    case 6: /* still the same stub: run again */
        return run(guest_registers);
    case 7:
        expect("exit code of the second run", get(VMCB_EXITCODE), EXIT_VMMCALL);
        print(failures ? "stub test: failed\n" : "stub test: passed\n");
        finish(failures != 0);
    }
    return STUB_SHUTDOWN;
}

int main(void)
{
    asm volatile("xorl %%ebx, %%ebx; jmp stub_start" : : : "memory", "ebx");
    return 1;
}
