/*
 * Cycles of VMRUN, a guest that exits at its first instruction, and #VMEXIT: "rounds=N" (default 100) after one to warm up; then the same
 * with VMLOAD and VMSAVE around it, as a kernel needs them.
 */
#include "lib/cpu.h"
#include "lib/platform.h"
#include "lib/vmcb.h"

#define DEFAULT_ROUNDS 100
#define FAILED_EXIT 1

static u8 vmcb[VMCB_SIZE] ALIGNED(4096), host_save[PAGE_SIZE] ALIGNED(4096), host_state[VMCB_SIZE] ALIGNED(4096);

asm(".text\nguest: vmmcall\n");
extern u8 guest[];

static u32 plain(u32 rounds)
{
    u64 begin = time_stamp();
    asm volatile("1: vmrun; decl %0; jnz 1b" : "+c"(rounds) : "a"(vmcb) : "memory", "ebx", "edx", "esi", "edi", "cc");
    return (u32)(time_stamp() - begin);
}

static u32 with_state(u32 rounds)
{
    u64 begin = time_stamp();
    asm volatile("1: vmload; vmrun; vmsave; decl %0; jnz 1b" : "+c"(rounds) : "a"(vmcb) : "memory", "ebx", "edx", "esi", "edi", "cc");
    return (u32)(time_stamp() - begin);
}

int main(void)
{
    u32 rounds = parameter("rounds", DEFAULT_ROUNDS);
    write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SVME);
    write_msr(MSR_VM_HSAVE_PA, (u32)host_save);
    asm volatile("vmsave; clgi" : : "a"(host_state) : "memory");
    vmcb_flat(vmcb, (u32)guest, 0);
    *vmcb32(vmcb, VMCB_INTERCEPT_GENERAL2) |= INTERCEPT2_VMMCALL;
    plain(1);
    u32 cycles = plain(rounds), cycles_with_state = with_state(rounds);
    asm volatile("vmload" : : "a"(host_state) : "memory");
    print("vmrun_round_trip: %u rounds, %u cycles, %u cycles with VMLOAD and VMSAVE\n", rounds, cycles, cycles_with_state);
    return *vmcb32(vmcb, VMCB_EXITCODE) == EXIT_VMMCALL ? 0 : FAILED_EXIT;
}
