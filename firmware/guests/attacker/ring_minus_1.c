/* The kernel's own registers and instructions: guard, host link, MSRs, SVM. */
#include "guests/attacker/attacker.h"
#include "guests/kernel/dma.h"

#define DEVICE_PAGE (PTE_PRESENT | PTE_WRITE | PTE_UNCACHED)
#define OWN_MAP_SIZE PAGE_SIZE
#define SAVED_STATE 0x440
#define VECTOR_INVALID_OPCODE 6
#define SVM_SIZE 3 /* of each of ring −1's instructions */
#define SAVED_MSRS 0x628
#define CLOCK_STEP 1000
#define CLOCK_PATIENCE 1000000

static u32 own_map[OWN_MAP_SIZE / 4] ALIGNED(4096);
static u8 own_state[PAGE_SIZE] ALIGNED(4096), taken_state[PAGE_SIZE] ALIGNED(4096);

static volatile u32 *registers(u32 page)
{
    map_page(kernel_directory, WINDOW, page, DEVICE_PAGE);
    return word_at(WINDOW);
}

void guard_move_map(u32 target)
{
    volatile u32 *guard = registers(PHYSICAL_GUARD);
    memset(own_map, 0xFF, sizeof own_map);
    for (u32 n = 0; n < 2; n++) {
        guard[(GUARD_MAP_BASE + n * GUARD_MAP_BASE_STRIDE) / 4] = (u32)own_map;
        guard[(GUARD_MAP_LENGTH + n * GUARD_MAP_LENGTH_STRIDE) / 4] = sizeof own_map;
    }
    if (need_dma())
        record->status = dma_copy(RESULT_ADDRESS + RESULT_LOOT, target, LOOT_WORDS * 4);
}

void guard_mark_clean(u32 target)
{
    volatile u32 *guard = registers(PHYSICAL_GUARD);
    (void)target;
    record->loot[0] = guard[GUARD_CONTROL / 4];
    guard[GUARD_CONTROL / 4] = record->loot[0] | GUARD_CONTROL_MEMORY_CLEAN;
    record->loot[1] = guard[GUARD_CONTROL / 4];
}

void host_link_read(u32 target)
{
    (void)target;
    record->loot[0] = registers(PHYSICAL_HOST_LINK)[HOST_LINK_PRESENT / 4];
}

void wrmsr_hsave(u32 target)
{
    (void)target;
    write_msr(MSR_VM_HSAVE_PA, (u32)own_page);
    record->loot[0] = (u32)read_msr(MSR_VM_HSAVE_PA);
}

void rdmsr_hsave(u32 target)
{
    (void)target;
    record->loot[0] = (u32)read_msr(MSR_VM_HSAVE_PA);
}

void wrmsr_vm_cr(u32 target)
{
    (void)target;
    write_msr(MSR_VM_CR, VM_CR_R_INIT);
    record->loot[0] = (u32)read_msr(MSR_VM_CR);
}

/* The MSR that every guest has. */
int msr_own(u32 target)
{
    (void)target;
    u32 before = (u32)read_msr(MSR_TSC);
    write_msr(MSR_TSC, before + CLOCK_STEP);
    record->status = (u32)read_msr(MSR_TSC);
    return record->status - before < CLOCK_PATIENCE;
}

/* VMMCALL: the one of ring −1's instructions that a guest may use. */
int call_own(u32 target)
{
    (void)target;
    return !above_isolation_kernel() || hypercall(HYPERCALL_YIELD, 0, 0, 0) == STATUS_OK;
}

void vmsave_write(u32 target) { asm volatile("vmsave" : : "a"(target & PTE_FRAME) : "memory"); }

/* Refused with #UD: on with the next instruction. */
static int skip(struct frame *frame)
{
    if (frame->vector != VECTOR_INVALID_OPCODE)
        return 0;
    frame->eip += SVM_SIZE;
    return 1;
}

void clgi_spin(u32 target)
{
    (void)target;
    set_exception_hook(skip);
    asm volatile("clgi");
    spin();
    record->stage = STAGE_ATTEMPTED; /* STGI lets in what has waited, before anything else */
    asm volatile("stgi");
}

/* What VMLOAD takes from guest 2's page into registers, VMSAVE puts into a page of our own; our own state comes back afterwards. */
void vmload_read(u32 target)
{
    set_exception_hook(skip);
    interrupts_off(); /* TR is among what is loaded */
    asm volatile("vmsave" : : "a"(own_state) : "memory");
    asm volatile("vmload" : : "a"(target & PTE_FRAME) : "memory");
    asm volatile("vmsave" : : "a"(taken_state) : "memory");
    asm volatile("vmload" : : "a"(own_state) : "memory");
    loot((u32 *)(taken_state + SAVED_MSRS));
    if (!record->loot[0])
        loot((u32 *)(taken_state + SAVED_STATE));
}
