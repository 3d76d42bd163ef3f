/*
 * The attacker: guest 1's kernel with a timer and processes (life.c), and one attack, chosen by "attack=NAME" on the command line
 * ("attack=list" names them all). The parameter of its target (../attacks/) gives a machine address; spin=N the length of what starves
 * others, partition=N the receiver of pages and devices. What happened goes to the record at RESULT_ADDRESS; whether the attack succeeded
 * is for the host to judge.
 * With "again=1" the attempt is left out: the guest was started again after it, and shows what it still may.
 * With "orders=1" it waits, above the isolation kernel, for a message in place of the command line when it is ready to attack.
 * Above the isolation kernel it then sends the record to the host, lives on for a while, and waits for a message before it ends.
 * Status: 0 if the allowed access worked, 1 if not, 2 if there is no such attack.
 */
#include "guests/attacker/attacker.h"
#include "guests/kernel/dma.h"
#include "guests/kernel/process.h"
#include "lib/pic.h"

#define DEFAULT_SPIN 20000
#define DEFAULT_PARTITION 2
#define FAILED_ALLOWED 1
#define FAILED_NAME 2
#define NAME_SIZE 40
#define ATTACKING_PROCESS 3 /* those before it are the system's own (life.c) */

struct attack {
    const char *name;
    void (*attempt)(u32 target);
    int (*allowed)(u32 target);
    const char *parameter;
    void (*prepare)(void); /* before the attempt begins, if it needs that */
};

#define ATTACK(name, attempt, allowed, parameter, prepare) {name, attempt, allowed, parameter, prepare},
static const struct attack attacks[] = {ATTACK_TABLE};
#define ATTACKS (sizeof attacks / sizeof *attacks)

u32 own_page[1024] ALIGNED(4096);
extern u32 recovery_stack;
static const struct attack *current_attack;
static char name[NAME_SIZE];
static u32 target, allowed_result;

void loot(const volatile u32 *from)
{
    for (u32 i = 0; i < LOOT_WORDS; i++)
        record->loot[i] = from[i];
}

u32 spin_count(void) { return parameter("spin", DEFAULT_SPIN); }

void spin(void)
{
    u32 n = spin_count();
    asm volatile("1: decl %0; jnz 1b" : "+r"(n));
}

u32 other_partition(void) { return parameter("partition", DEFAULT_PARTITION); }

u32 need_dma(void)
{
    static int found = -1;
    if (found < 0)
        found = dma_init();
    return (u32)found;
}

u32 run_in_ring_3(void (*entry)(u32), u32 argument)
{
    process_start(ATTACKING_PROCESS, entry, argument);
    while (processes[ATTACKING_PROCESS].alive)
        call_system(CALL_YIELD, 0, 0);
    return processes[ATTACKING_PROCESS].result;
}

/* What an attempt may have left in control registers, segments, tables: back to where it was. */
static void restore(u32 cr0)
{
    interrupts_off();
    WRITE_CR(0, cr0);
    WRITE_CR(3, (u32)kernel_directory);
    process_abandon(ATTACKING_PROCESS);
    set_exception_hook(NULL);
}

static void call_allowed(u32 at) { allowed_result = (u32)current_attack->allowed(at); }

static void try_allowed(void)
{
    allowed_result = 0;
    u32 cr0 = READ_CR(0);
    int vector = guarded(call_allowed, target);
    restore(cr0);
    if (vector != NO_FAULT)
        print("attacker: exception %u at %x, CR2 %x in the allowed access\n", (u32)vector, last_fault.eip, last_fault.address);
    record->allowed = vector == NO_FAULT && allowed_result;
}

/* The system goes on beside it, unless the attempt itself switches interrupts off; guarded() ends with them off, come what may. */
static void make_attempt(u32 at)
{
    interrupts_on();
    current_attack->attempt(at);
}

static void attempt(void)
{
    u32 cr0 = READ_CR(0);
    record->entry = (u32)current_attack->attempt;
    record->stage = STAGE_ATTEMPTING;
    record->fault = (u32)guarded(make_attempt, target);
    record->stage = STAGE_ATTEMPTED;
    if (record->fault != (u32)NO_FAULT)
        record->fault_address = last_fault.address;
    restore(cr0);
}

static int list(void)
{
    for (u32 i = 0; i < ATTACKS; i++)
        print("%s\n", attacks[i].name);
    return 0;
}

static const struct attack *find(const char *called)
{
    for (u32 i = 0; i < ATTACKS; i++)
        if (!strcmp(attacks[i].name, called))
            return &attacks[i];
    return NULL;
}

/* The machine was reset under an attack and the ROM started this image again: the attacker's BIOS. It reads what is left. */
static int after_reset(void)
{
    for (u32 i = 0; i < LOOT_WORDS; i++)
        record->loot[i] = word_at(target)[i];
    record->stage = STAGE_DONE;
    print("attacker: back after a reset, found %x\n", record->loot[0]);
    return 0;
}

/* The memory of a guest that has ended is cleaned: above the kernel the record goes to the host, which then has the time it wants. */
static void report(void)
{
    u32 message;
    if (!above_isolation_kernel())
        return;
    hypercall(HYPERCALL_SEND, RESULT_ADDRESS, RESULT_SIZE, 0);
    live();
    hypercall(HYPERCALL_RECEIVE, (u32)&message, sizeof message, 0);
}

/* What the command line says. */
static void choose(void)
{
    text_parameter("attack", name, sizeof name);
    current_attack = find(name);
    if (current_attack && *current_attack->parameter)
        target = parameter(current_attack->parameter, RESULT_ADDRESS);
}

static u32 number(void) { return (u32)(current_attack - attacks); }

int main(void)
{
    choose();
    if (current_attack && record->magic == RESULT_MAGIC_WORD && record->attack == number() && record->stage == STAGE_ATTEMPTING)
        return after_reset();
    life_set_timer();
    paging_init();
    traps_init();
    life_begin();
    if (parameter("orders", 0) && receive_command_line())
        choose();
    if (!strcmp(name, "list"))
        return list();
    if (!current_attack) {
        print("attacker: there is no attack called '%s'\n", name);
        return FAILED_NAME;
    }
    recovery_stack = 0;
    memset((void *)RESULT_ADDRESS, 0, RESULT_SIZE);
    record->magic = RESULT_MAGIC_WORD;
    record->attack = number();
    record->fault = (u32)NO_FAULT;
    record->mark = OWN_MARK;
    record->stage = STAGE_BOOTED;
    own_page[0] = OWN_MARK;
    life_until_tick();
    if (!parameter("again", 0)) { /* it is not a guest that was started again after its attempt */
        if (current_attack->prepare)
            current_attack->prepare();
        attempt();
    }
    life_from_here();
    if (current_attack->allowed) /* or somebody else shows that it works */
        try_allowed();
    record->stage = STAGE_DONE;
    if ((int)record->fault < 0)
        print("attacker: %s, no exception, loot %x, ", name, record->loot[0]);
    else
        print("attacker: %s, exception %u, ", name, record->fault);
    print("status %x, allowed access %s\n", record->status, record->allowed ? "worked" : "failed");
    report();
    return record->allowed ? 0 : FAILED_ALLOWED;
}
