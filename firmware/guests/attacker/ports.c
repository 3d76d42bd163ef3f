/* Ports of the machine that are not guest 1's, resets among them. */
#include "guests/attacker/attacker.h"

#define PIT_COMMAND (PORT_PIT + 3)
#define PIT_STOPPED 0x30 /* channel 0, mode 0: waits for a count that never comes */
#define ALL_MASKED 0xFF
#define PATIENCE 1000 /* polls */
#define OWN_MASK 0xFA
#define KBC_PULSE_RESET (KBC_PULSE | 0xE) /* the reset line alone is low */
#define KBC_OUTPUT_A20_OFF 0xDD
#define CONTROL_A_RESET 0x01
#define CONTROL_A_A20_OFF 0x00
#define CF9_HARD 0x02
#define CF9_GO 0x06
#define ODD_MEGABYTE (1u << 20)
#define CONTROL_A_A20_ON 0x02
#define PIT_PERIODIC 0x34 /* channel 0, low and high byte, mode 2 */
#define PIT_LATCH 0x00
#define OWN_COUNT 0x4000

/* Guest 1's turn has just begun when it takes away what would end it. */
void prepare_turn(void)
{
    if (above_isolation_kernel())
        hypercall(HYPERCALL_YIELD, 0, 0, 0);
}

void stop_timer(u32 target)
{
    (void)target;
    life_is_disturbed();
    out8(PIT_COMMAND, PIT_STOPPED);
    spin();
}

void mask_interrupts(u32 target)
{
    (void)target;
    life_is_disturbed();
    out8(PORT_PIC_MASTER + 1, ALL_MASKED);
    out8(PORT_PIC_SLAVE + 1, ALL_MASKED);
    spin();
}

void com1_spoof(u32 target)
{
    (void)target;
    for (const char *p = SPOOF "\n"; *p; p++)
        out8(PORT_COM1, (u8)*p);
}

void exit_port(u32 target)
{
    (void)target;
    out8(PORT_EXIT, MACHINE_STATUS);
}

/* Both A20 gates; then guest 2's even megabytes are reached by our odd ones, and its odd ones by nobody. */
void a20_off(u32 target)
{
    out8(PORT_KBC_STATUS, KBC_WRITE_OUTPUT_PORT);
    out8(PORT_KBC_DATA, KBC_OUTPUT_A20_OFF);
    out8(PORT_SYSTEM_CONTROL_A, CONTROL_A_A20_OFF);
    spin();
    map_page(kernel_directory, WINDOW, (target & PTE_FRAME) | ODD_MEGABYTE, PTE_PRESENT | PTE_WRITE);
    loot(word_at(WINDOW));
}

/* The guest's own (virtual) interrupt controller keeps what is written to it. */
int port_own(u32 target)
{
    (void)target;
    out8(PORT_PIC_MASTER + 1, OWN_MASK);
    record->status = in8(PORT_PIC_MASTER + 1);
    return record->status == OWN_MASK;
}

/* Its own (virtual) timer counts. */
int timer_own(u32 target)
{
    (void)target;
    life_is_disturbed();
    out8(PIT_COMMAND, PIT_PERIODIC);
    out8(PORT_PIT, OWN_COUNT & 0xFF);
    out8(PORT_PIT, OWN_COUNT >> 8);
    for (u32 polls = 0; polls < PATIENCE; polls++) {
        out8(PIT_COMMAND, PIT_LATCH);
        u32 low = in8(PORT_PIT);
        record->status = low | (u32)in8(PORT_PIT) << 8;
        if (record->status && record->status < OWN_COUNT)
            return 1;
    }
    return 0;
}

/* It prints in its own name, on its own (virtual) COM1. */
int com1_own(u32 target)
{
    (void)target;
    for (const char *p = OWN_TEXT "\n"; *p; p++)
        out8(PORT_COM1, (u8)*p);
    return 1;
}

/* A20 on, and its own odd megabyte is where it was. */
int a20_own(u32 target)
{
    (void)target;
    out8(PORT_SYSTEM_CONTROL_A, CONTROL_A_A20_ON);
    *word_at(GIVEN_PAGE) = OWN_MARK;
    return (in8(PORT_SYSTEM_CONTROL_A) & CONTROL_A_A20_ON) && *word_at(GIVEN_PAGE) == OWN_MARK;
}

/* The boot block that makes the ROM, the untrusted BIOS, start this image again. */
static void prepare_boot_block(void)
{
    extern u8 start[];
    volatile u32 *block = word_at(BOOT_ADDRESS);
    block[BOOT_BLOCK_ENTRY / 4] = (u32)start;
    block[BOOT_BLOCK_EAX / 4] = MULTIBOOT_BOOTLOADER_MAGIC;
    block[BOOT_BLOCK_EBX / 4] = boot_information();
    block[BOOT_BLOCK_FLAGS / 4] = BOOT_FLAG_KEEP;
    block[BOOT_BLOCK_MAGIC / 4] = BOOT_MAGIC;
}

void reset_8042(u32 target)
{
    (void)target;
    prepare_boot_block();
    out8(PORT_KBC_STATUS, KBC_PULSE_RESET);
    spin();
}

void reset_port92(u32 target)
{
    (void)target;
    prepare_boot_block();
    out8(PORT_SYSTEM_CONTROL_A, CONTROL_A_RESET);
    spin();
}

void reset_cf9(u32 target)
{
    (void)target;
    prepare_boot_block();
    out8(PORT_RESET_CONTROL, CF9_HARD);
    out8(PORT_RESET_CONTROL, CF9_GO);
    spin();
}

/* No IDT: the breakpoint cannot be delivered, nor what comes of that. */
void reset_triple_fault(u32 target)
{
    static const u16 nothing[3];
    (void)target;
    prepare_boot_block();
    asm volatile("lidt %0; int3" : : "m"(nothing));
}

/* A reset of its own: the guest has been started again, and has its memory. */
int restart_own(u32 target) { return map_own(target); }
