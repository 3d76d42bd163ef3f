/*
 * A kernel that looks at itself with the 17 instructions that read or change privileged state without trapping (Robin and Irvine,
 * 2000), after it has set that state up itself. In ring 0 it sees what it has set; above ring -1 it must see the same.
 *
 * Privileged instructions have one fixed form each, which a monitor under ring 1 can decode: the operand in (%eax) or %eax.
 */
#include "guests/sensitive/sensitive.h"
#include "lib/cpu.h"
#include "lib/pic.h"
#include "lib/platform.h"
#include "lib/segments.h"

#define CR0_ET 0x10u
#define FLAGS_SEEN 0x3200u /* IOPL, IF */
#define FLAGS_IOPL 0x3000u
#define LDT_LIMIT 7u
#define TSS_LIMIT 103u
#define SYSTEM_LDT 0x82u
#define SYSTEM_TSS 0x89u
#define NEWEST_DATA_HIGH 0x00409300u
#define GDT_LIMIT 63u

extern u32 gdt[][2];
volatile u32 fixup, fault_vector, saved_stack, software_interrupts;
static u32 idt[VECTOR_SOFTWARE + 1][2] ALIGNED(8), ldt[1][2], tss[26];

/* Runs instructions that may fault. `seen` is EAX afterwards; a fault leaves its vector in fault_vector. */
#define TRY(seen, instructions, ...)                                                                                     \
    do {                                                                                                                 \
        fault_vector = 0;                                                                                                \
        asm volatile("movl %%esp, saved_stack; movl $9f, fixup; " instructions "; 9: movl saved_stack, %%esp; movl $0, fixup" \
                     : "=a"(seen) : __VA_ARGS__ : "memory", "cc", "edx");                                                \
    } while (0)

static void show(const char *name, const char *what, u32 seen)
{
    if (fault_vector)
        print("%s %s: exception %u\n", name, what, fault_vector);
    else
        print("%s %s: %x\n", name, what, seen);
}

/* TRY and show, for one result. */
#define SEE(name, what, instructions, ...)                 \
    do {                                                   \
        u32 seen_;                                         \
        TRY(seen_, instructions, __VA_ARGS__);             \
        show(name, what, seen_);                           \
    } while (0)

static void system_descriptor(u32 selector, u32 base, u32 limit, u32 type)
{
    gdt[selector / 8][0] = base << 16 | limit;
    gdt[selector / 8][1] = (base & 0xFF000000) | type << 8 | (base >> 16 & 0xFF);
}

static void set_up(void)
{
    static struct pseudo_descriptor gdtr = {GDT_LIMIT, 0}, idtr = {sizeof idt - 1, 0};
    gdtr.base = (u32)gdt;
    idtr.base = (u32)idt;
    tss[2] = KERNEL_DATA;
    system_descriptor(TASK_STATE, (u32)tss, TSS_LIMIT, SYSTEM_TSS);
    system_descriptor(SPARE_1, (u32)ldt, LDT_LIMIT, SYSTEM_LDT);
    set_exception_gates(idt, KERNEL_CODE);
    set_interrupt_gate(idt, VECTOR_SOFTWARE, (u32)software_gate, KERNEL_CODE);
    asm volatile("lgdtl (%%eax)" : : "a"(&gdtr) : "memory");
    asm volatile("lidtl (%%eax)" : : "a"(&idtr) : "memory");
    asm volatile("lldt %%ax" : : "a"(SPARE_1));
    asm volatile("ltr %%ax" : : "a"(TASK_STATE));
    gdt[SPARE_2 / 8][0] = 0x0000FFFF; /* a segment that comes later, as a driver's would */
    gdt[SPARE_2 / 8][1] = NEWEST_DATA_HIGH;
}

static void tables(void)
{
    static struct pseudo_descriptor seen;
    SEE("SGDT", "base less its own", "sgdtl %1; movl %1 + 2, %%eax; subl $gdt, %%eax", "m"(seen));
    show("SGDT", "limit", seen.limit);
    SEE("SIDT", "base less its own", "sidtl %1; movl %1 + 2, %%eax; subl %2, %%eax", "m"(seen), "i"(idt));
    show("SIDT", "limit", seen.limit);
    SEE("SLDT", "selector", "xorl %%eax, %%eax; sldt %%ax", "i"(0));
    SEE("STR", "selector", "xorl %%eax, %%eax; str %%ax", "i"(0));
    asm volatile("movl %%eax, %%cr0" : : "a"(CR0_PE | CR0_ET)); /* TS clear */
    SEE("SMSW", "after clearing TS", "smsw %%eax; andl $0xFFFF, %%eax", "i"(0));
}

static void flags(void)
{
    interrupts_off();
    SEE("PUSHF", "interrupts off", "pushfl; popl %%eax; andl %1, %%eax", "i"(FLAGS_SEEN));
    interrupts_on();
    SEE("PUSHF", "interrupts on", "pushfl; popl %%eax; andl %1, %%eax", "i"(FLAGS_SEEN));
    SEE("POPF", "turns interrupts off", "pushl $2; popfl; pushfl; popl %%eax; andl %1, %%eax", "i"(FLAGS_SEEN));
    SEE("POPF", "sets IOPL", "pushl %2; popfl; pushfl; popl %%eax; andl %1, %%eax; pushl $2; popfl", "i"(FLAGS_SEEN), "i"(FLAGS_IOPL | 2));
    interrupts_off();
}

static void descriptors(void)
{
    /* of LAR's result bits 19:16 are undefined */
    SEE("LAR", "its code segment", "xorl %%edx, %%edx; larl %1, %%edx; movl %%edx, %%eax; andl $0x00F0FF00, %%eax", "r"(KERNEL_CODE));
    SEE("LAR", "its data segment", "xorl %%edx, %%edx; larl %1, %%edx; movl %%edx, %%eax; andl $0x00F0FF00, %%eax", "r"(KERNEL_DATA));
    SEE("LAR", "the newest segment", "xorl %%edx, %%edx; larl %1, %%edx; movl %%edx, %%eax; andl $0x00F0FF00, %%eax", "r"(SPARE_2));
    SEE("LSL", "the task state", "xorl %%edx, %%edx; lsll %1, %%edx; movl %%edx, %%eax", "r"(TASK_STATE));
    SEE("LSL", "the newest segment", "xorl %%edx, %%edx; lsll %1, %%edx; movl %%edx, %%eax", "r"(SPARE_2));
    SEE("VERR", "the newest segment", "xorl %%eax, %%eax; verr %w1; setz %%al", "r"(SPARE_2));
    SEE("VERW", "its data segment", "xorl %%eax, %%eax; verw %w1; setz %%al", "r"(KERNEL_DATA));
    SEE("VERW", "the newest segment", "xorl %%eax, %%eax; verw %w1; setz %%al", "r"(SPARE_2));
}

static void segments(void)
{
    SEE("MOV", "from CS", "xorl %%eax, %%eax; movw %%cs, %%ax", "i"(0));
    SEE("MOV", "from SS", "xorl %%eax, %%eax; movw %%ss, %%ax", "i"(0));
    SEE("MOV", "to SS", "movl %1, %%eax; movw %%ax, %%ss; xorl %%eax, %%eax; movw %%ss, %%ax", "i"(KERNEL_DATA));
    SEE("PUSH", "CS", "pushl %%cs; popl %%eax", "i"(0));
    SEE("PUSH", "SS", "pushl %%ss; popl %%eax", "i"(0));
    SEE("POP", "DS", "pushl %1; popl %%ds; xorl %%eax, %%eax; movw %%ds, %%ax", "i"(KERNEL_DATA));
    SEE("POP", "SS", "pushl %1; popl %%ss; xorl %%eax, %%eax; movw %%ss, %%ax", "i"(KERNEL_DATA));
    SEE("CALL", "far, the selector pushed", "lcall %1, $1f; jmp 9f; 1: movl 4(%%esp), %%eax", "i"(KERNEL_CODE));
    SEE("JMP", "far, CS after it", "ljmp %1, $1f; 1: xorl %%eax, %%eax; movw %%cs, %%ax", "i"(KERNEL_CODE));
    SEE("RET", "far, CS after it", "pushl %1; pushl $1f; lret; 1: xorl %%eax, %%eax; movw %%cs, %%ax", "i"(KERNEL_CODE));
    software_interrupts = 0;
    SEE("INT", "through its own gate, times taken", "int %1; movl software_interrupts, %%eax", "i"(VECTOR_SOFTWARE));
}

int observe(void)
{
    set_up();
    tables();
    flags();
    descriptors();
    segments();
    print("sensitive: done\n");
    return 0;
}
