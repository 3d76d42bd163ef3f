/* Taking all the time there is, most of them for as long as "spin=N" says. */
#include "guests/attacker/attacker.h"
#include "lib/pic.h"
#include "lib/segments.h"

#define VECTOR_INVALID_OPCODE 6
#define UD2_SIZE 2
#define SHORT_DIVISOR 500

static u32 left;
static volatile u32 came;

static void tick(void) { came++; }

/* Time of its own: the guest's own timer interrupts it. */
int interrupt_own(u32 target)
{
    (void)target;
    life_is_disturbed();
    came = 0;
    pic_init();
    on_interrupt(IRQ_TIMER, tick);
    timer_start(SHORT_DIVISOR);
    while (!came) {
        wait_for_interrupt();
        interrupts_off();
    }
    pic_mask(IRQ_TIMER);
    return came != 0;
}

void starve_cli(u32 target)
{
    (void)target;
    interrupts_off();
    spin();
}

static int repeat(struct frame *frame)
{
    if (frame->vector != VECTOR_INVALID_OPCODE)
        return 0;
    if (!--left)
        frame->eip += UD2_SIZE;
    return 1;
}

void starve_faults(u32 target)
{
    (void)target;
    left = spin_count() / SPINS_A_LOOP + 1;
    set_exception_hook(repeat);
    asm volatile("ud2");
}

void starve_exits(u32 target)
{
    (void)target;
    for (u32 n = spin_count() / SPINS_A_LOOP + 1; n; n--)
        cpuid(0);
}

/*
 * Each load of SS holds interrupts off until the next instruction is done, and the next instruction is such a load. The last one is followed
 * by the end of the attempt, so that nobody gets a turn between them.
 */
asm(".text\n.globl loads, loads_end\n"
    "loads: .rept 1600\nmovl %edx, %ss\n.endr\n"
    "movl %ecx, (%ebx)\n"
    "loads_end: ret\n");
extern const volatile char loads[], loads_end[];

void starve_shadow(u32 target)
{
    u32 ss;
    (void)target;
    interrupts_off();
    for (const volatile char *page = loads; page < loads_end; page += 4096) /* so that no page fault comes between them */
        (void)*page;
    (void)*loads_end;
    asm volatile("movl %%ss, %0; call loads" : "=&d"(ss) : "b"(&record->stage), "c"(STAGE_ATTEMPTED) : "memory");
}

/*
 * The same with IRET, which may not renew the shadow of the MOV SS before the first of them. Real mode; the code is one IRET at 2000:2000,
 * and so is the address that each of them pops, with 2000h for the flags. The last one pops the address of the way out, whose
 * first instruction is the end of the attempt.
 */
#define REAL_SEGMENT 0x2000u
#define REAL_STACK_SEGMENT 0x3000u
#define REAL_IRET 0x2000u /* offset; the same word as the segment and the flags */
#define REAL_ENTRY 0x0100u
#define REAL_EXIT 0x3000u
#define REAL_STACK_TOP 0xFFF0u
#define IRETS 2000u
#define IRET_BYTES 6u
#define OPCODE_IRET 0xCFu
#define DATA_16_HIGH 0x00009300u
#define CODE_16_HIGH 0x00009B00u
#define REAL(segment, offset) ((u8 *)(((segment) << 4) + (offset)))

asm(".text\n"
    "in_real_mode:\n" /* EBX: CR0 to come back to, ECX: the stage, ESI: the stack pointer of the first IRET */
    "    pushal\n"
    "    movl %esp, real_esp\n"
    "    movl %ebx, %edx\n"
    "    andl $0x7FFFFFFF, %edx\n"
    "    movl %edx, %cr0\n"
    "    movl $0x30, %eax\n"
    "    movw %ax, %ss\n"
    "    movl %esi, %esp\n"
    "    ljmpl $0x38, $0x0100\n"
    "back_from_real_mode:\n"
    "    movl $0x10, %eax\n"
    "    movw %ax, %ss\n"
    "    movl real_esp, %esp\n"
    "    movl %ebx, %cr0\n"
    "    popal\n"
    "    ret\n"
    ".code16\n"
    "real_entry:\n" /* at 2000:0100 */
    "    andb $0xFE, %dl\n"
    "    movl %edx, %cr0\n"
    "    ljmpw $0x2000, $(0x0100 + 1f - real_entry)\n"
    "1:  movw $0x3000, %ax\n"
    "    movw %ax, %ss\n"
    "    iretw\n"
    "real_exit:\n" /* at 2000:3000 */
    "    movl %ecx, 0x7008\n"
    "    orb $1, %dl\n"
    "    movl %edx, %cr0\n"
    "    ljmpl $0x08, $back_from_real_mode\n"
    "real_end:\n"
    ".code32\n");
extern const u8 in_real_mode[], real_entry[], real_exit[], real_end[];
u32 real_esp;
_Static_assert(SPARE_1 == 0x30 && SPARE_2 == 0x38 && KERNEL_CODE == 0x08 && KERNEL_DATA == 0x10, "the selectors above");
_Static_assert(RESULT_ADDRESS + RESULT_STAGE == 0x7008, "the address above");

static void set_16_bit_segment(u32 selector, u32 segment, u32 high)
{
    extern u32 gdt[][2];
    gdt[selector / 8][0] = segment << 20 | 0xFFFF;
    gdt[selector / 8][1] = segment >> 12 | high;
}

/* With paging off all that comes is used once, so that no page fault lets anybody in later. */
static void use_without_paging(void)
{
    extern u32 gdt[][2];
    u32 cr0 = READ_CR(0);
    WRITE_CR(0, cr0 & ~CR0_PG);
    for (u32 page = REAL_SEGMENT << 4; page < (REAL_STACK_SEGMENT << 4) + (1u << 16); page += PAGE_SIZE)
        if (page <= (REAL_SEGMENT << 4) + REAL_EXIT || page >= ((REAL_STACK_SEGMENT << 4) + REAL_STACK_TOP - IRETS * IRET_BYTES) - PAGE_SIZE)
            (void)*word_at(page);
    (void)*word_at((u32)gdt);
    (void)*word_at((u32)in_real_mode);
    (void)record->stage;
    record->unused[0] = 0;
    real_esp = 0;
    WRITE_CR(0, cr0);
}

void prepare_irets(void)
{
    u32 *pop = (u32 *)REAL(REAL_STACK_SEGMENT, REAL_STACK_TOP - IRETS * IRET_BYTES);
    for (u32 n = 0; n < IRETS * IRET_BYTES / 4; n++)
        pop[n] = REAL_IRET << 16 | REAL_IRET;
    u16 *last = (u16 *)REAL(REAL_STACK_SEGMENT, REAL_STACK_TOP - IRET_BYTES);
    last[0] = REAL_EXIT;
    last[1] = REAL_SEGMENT;
    last[2] = EFLAGS_FIXED;
    *REAL(REAL_SEGMENT, REAL_IRET) = OPCODE_IRET;
    memcpy(REAL(REAL_SEGMENT, REAL_ENTRY), real_entry, (u32)(real_exit - real_entry));
    memcpy(REAL(REAL_SEGMENT, REAL_EXIT), real_exit, (u32)(real_end - real_exit));
    set_16_bit_segment(SPARE_1, REAL_STACK_SEGMENT, DATA_16_HIGH);
    set_16_bit_segment(SPARE_2, REAL_SEGMENT, CODE_16_HIGH);
    use_without_paging();
}

void starve_iret(u32 target)
{
    (void)target;
    interrupts_off();
    asm volatile("call in_real_mode" : : "b"(READ_CR(0)), "c"(STAGE_ATTEMPTED), "S"(REAL_STACK_TOP - IRETS * IRET_BYTES) : "memory", "cc");
}
