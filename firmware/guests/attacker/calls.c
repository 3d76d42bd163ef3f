/* Hypercalls with arguments that are not the caller's to give. */
#include "guests/attacker/attacker.h"
#include "guests/kernel/process.h"

#define SECRET_SIZE 32
#define MESSAGE_SIZE 64

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

void ring3_give_page(u32 target)
{
    (void)target;
    record->status = run_in_ring_3(user_giver, other_partition());
}
