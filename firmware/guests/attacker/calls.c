/* Hypercalls with arguments that are not the caller's to give. */
#include "guests/attacker/attacker.h"
#include "guests/kernel/dma.h"
#include "guests/kernel/process.h"

#define SECRET_SIZE 32
#define MESSAGE_SIZE 64
#define MESSAGES 2 /* that the host has sent */
#define DEVICE_DMA0 0
#define OTHER_PAGE (GIVEN_PAGE + PAGE_SIZE)

void send_foreign(u32 target) { record->status = (u32)hypercall(HYPERCALL_SEND, target, SECRET_SIZE, 0); }

void console_foreign(u32 target) { record->status = (u32)hypercall(HYPERCALL_CONSOLE_WRITE, target, SECRET_SIZE, 0); }

void receive_foreign(u32 target) { record->status = (u32)hypercall(HYPERCALL_RECEIVE, target + VICTIM_OFFSET, MESSAGE_SIZE, 0); }

void system_shutdown(u32 target)
{
    (void)target;
    record->status = (u32)hypercall(HYPERCALL_SYSTEM_SHUTDOWN, SHUTDOWN_STATUS, 0, 0);
}

void give_foreign_device(u32 target)
{
    record->status = (u32)hypercall(HYPERCALL_GIVE_DEVICE, target, other_partition(), 0);
}

/* Ring 3; text in the user's pages, the partition on its stack. */
__attribute__((section(".user.text"), noinline)) static void user_giver(u32 partition)
{
    u32 status;
    asm volatile("vmmcall" : "=a"(status) : "a"(HYPERCALL_GIVE_PAGE), "b"(GIVEN_PAGE), "c"(partition), "d"(0) : "memory");
    for (;;)
        asm volatile("int %0" : : "i"(VECTOR_SYSTEM_CALL), "a"(CALL_EXIT), "b"(status));
}

static void run_giver(u32 partition) { record->status = run_in_ring_3(user_giver, partition); }

/* Afterwards the page is looked at: is it still there? */
void ring3_give_page(u32 target)
{
    (void)target;
    interrupts_off(); /* for this, not for the process: it may end by an exception while it has the processor */
    *word_at(GIVEN_PAGE) = OWN_MARK;
    u32 vector = (u32)guarded(run_giver, other_partition());
    if (vector != (u32)NO_FAULT)
        record->status = vector;
    record->loot[0] = *word_at(GIVEN_PAGE);
}

/* The same calls with what is guest 1's own. */

int send_own(u32 target)
{
    (void)target;
    return !above_isolation_kernel() || hypercall(HYPERCALL_SEND, (u32)OWN_TEXT, sizeof OWN_TEXT - 1, 0) == STATUS_OK;
}

int console_own(u32 target)
{
    (void)target;
    return !above_isolation_kernel() || hypercall(HYPERCALL_CONSOLE_WRITE, (u32)OWN_TEXT, sizeof OWN_TEXT - 1, 0) == STATUS_OK;
}

/* The last of the messages holds OWN_MARK; one before it may have been received by the attempt. */
int receive_own(u32 target)
{
    (void)target;
    if (!above_isolation_kernel())
        return 1;
    for (u32 n = 0; n < MESSAGES; n++) {
        hypercall(HYPERCALL_RECEIVE, (u32)&own_page[4], MESSAGE_SIZE, 0);
        if (*(volatile u32 *)&own_page[4] == OWN_MARK)
            return 1;
    }
    return 0;
}

/* It ends itself: nobody is told so here. Before that it lives on as others do after theirs. */
int shutdown_own(u32 target)
{
    (void)target;
    live();
    return !above_isolation_kernel() || hypercall(HYPERCALL_SHUTDOWN, OWN_STATUS, 0, 0) == STATUS_OK;
}

int give_device_own(u32 target)
{
    (void)target;
    if (!above_isolation_kernel())
        return 1;
    if (!need_dma() || hypercall(HYPERCALL_GIVE_DEVICE, DEVICE_DMA0, other_partition(), 0) != STATUS_OK)
        return 0;
    return dma_register(DMA_ENGINE_STATUS) == 0xFFFFFFFF;
}

int give_page_own(u32 target)
{
    (void)target;
    if (!above_isolation_kernel())
        return 1;
    *word_at(OTHER_PAGE) = OWN_MARK;
    if (hypercall(HYPERCALL_GIVE_PAGE, OTHER_PAGE, other_partition(), 0) != STATUS_OK)
        return 0;
    return *word_at(OTHER_PAGE) == 0xFFFFFFFF;
}
