/* SKINIT against the manual (AMD64 APM vol. 2, 15.27): how the block is entered, what is closed to devices from then on, what is held back. */
#include "../manual/check.h"
#include "svm.h"

#define BLOCK 0x00A00000u /* anywhere that nothing else uses */
#define ELSEWHERE 0x00B00000u
#define ENTRY 0x20
#define MEASURED 0x1001 /* not a multiple of 4 */
#define SPOILT 0xDEADBEEFu
#define MISALIGNED 0x1234
#define FLAG_TF 0x100
#define VECTOR_UD 6
#define VECTOR_GP 13
#define VECTOR_SX 30
#define SX_INIT 1
#define RESET_CONTROL 0xCF9
#define SOFT_RESET 4
#define RESET_LIMIT 0xFFFF
#define CR0_PE 1
#define CR0_ET 0x10
#define CR0_KEPT 0x60000000u /* CD and NW: caches are not INIT's business */
#define FLAG_FIXED 2
#define DR6_NOTHING 0xFFFF0FF0u
#define DR6_BS 0x4000
#define DR7_NOTHING 0x400
#define DR7_G0 2
#define CPUID_SKINIT (1 << 12)

#define DMA(register) (*(volatile u32 *)(PHYSICAL_DMA_ENGINES + DMA_ENGINE_##register))
#define GUARD_REGISTER(register) (*(volatile u32 *)(PHYSICAL_GUARD + GUARD_##register))

struct table {
    u16 limit;
    u32 base;
} __attribute__((packed));

/* What the block's code finds. */
struct {
    u32 eax, ecx, edx, ebx, esp, ebp, esi, edi, eflags, cr0, cr2, cr3, cr4, cs, ss, ds, es, fs, gs, ldtr, tr, efer, vm_cr;
    struct table gdtr, idtr;
    u32 dr0, dr6, dr7;
} entry;
struct table saved_gdtr, saved_idtr;
u32 saved_esp;
static u32 traps;
static struct {
    u32 source, destination, length, flags;
} descriptor __attribute__((aligned(16)));

/* The code of the block, and how it comes back: it reaches memory by CS and SS alone, the other segments end at 64 KiB. */
__asm__(".pushsection .text\n"
        ".global loader_start, loader_end, launch\n"
        "loader_start:\n"
        "movl %eax, %ss:entry\nmovl %ecx, %ss:entry+4\nmovl %edx, %ss:entry+8\nmovl %ebx, %ss:entry+12\n"
        "movl %esp, %ss:entry+16\nmovl %ebp, %ss:entry+20\nmovl %esi, %ss:entry+24\nmovl %edi, %ss:entry+28\n"
        "pushfl\npopl %ss:entry+32\n"
        "movl %cr0, %eax\nmovl %eax, %ss:entry+36\nmovl %cr2, %eax\nmovl %eax, %ss:entry+40\n"
        "movl %cr3, %eax\nmovl %eax, %ss:entry+44\nmovl %cr4, %eax\nmovl %eax, %ss:entry+48\n"
        "movl %cs, %eax\nmovl %eax, %ss:entry+52\nmovl %ss, %eax\nmovl %eax, %ss:entry+56\n"
        "movl %ds, %eax\nmovl %eax, %ss:entry+60\nmovl %es, %eax\nmovl %eax, %ss:entry+64\n"
        "movl %fs, %eax\nmovl %eax, %ss:entry+68\nmovl %gs, %eax\nmovl %eax, %ss:entry+72\n"
        "sldtl %eax\nmovl %eax, %ss:entry+76\nstrl %eax\nmovl %eax, %ss:entry+80\n"
        "movl $0xC0000080, %ecx\nrdmsr\nmovl %eax, %ss:entry+84\n"
        "movl $0xC0010114, %ecx\nrdmsr\nmovl %eax, %ss:entry+88\n"
        "sgdtl %ss:entry+92\nsidtl %ss:entry+98\n"
        "movl %db0, %eax\nmovl %eax, %ss:entry+104\nmovl %db6, %eax\nmovl %eax, %ss:entry+108\nmovl %db7, %eax\nmovl %eax, %ss:entry+112\n"
        "movl 0xFFFC, %eax\n" /* the last word that DS reaches */
        "lgdtl %cs:saved_gdtr\nljmpl $0x08, $launch_back\n"
        "loader_end:\n"
        "launch:\npushal\npushfl\nmovl 40(%esp), %eax\nsgdt saved_gdtr\nsidt saved_idtr\nmovl %esp, saved_esp\njmp *%eax\n"
        "launch_back:\nmovl $0x10, %eax\nmovl %eax, %ds\nmovl %eax, %es\nmovl %eax, %fs\nmovl %eax, %gs\nmovl %eax, %ss\n"
        "movl saved_esp, %esp\nlidt saved_idtr\npopfl\npopal\nret\n"
        ".popsection");
extern char loader_start[], loader_end[];
void launch(const void *how); /* goes there; comes back from the block's code */

static u32 hook(struct frame *f)
{
    if (f->vector != 1)
        return 0;
    traps++;
    f->eflags &= ~(u32)FLAG_TF;
    return 1;
}

static void prepare(void)
{
    u32 n;
    const u32 *from = (const u32 *)loader_start;
    volatile u32 *to = (volatile u32 *)(BLOCK + ENTRY);
    *(volatile u32 *)BLOCK = ENTRY | MEASURED << 16;
    for (n = 0; n * 4 < (u32)(loader_end - loader_start); n++)
        to[n] = from[n];
    fill(&entry, 0xA5, sizeof entry);
    traps = 0;
    __asm__ volatile("movl %0, %%db0\nmovl %1, %%db6\nmovl %2, %%db7" : : "r"(BLOCK + ENTRY), "r"(DR6_BS), "r"(DR7_NOTHING | DR7_G0));
}

static void entered(void)
{
    u32 signature;
    __asm__ volatile("cpuid" : "=a"(signature) : "a"(1) : "ebx", "ecx", "edx");
    check_value("EAX is the block's base", entry.eax, BLOCK);
    check_value("EDX is family, model, stepping", entry.edx, signature);
    check_value("ESP is the block's end", entry.esp, BLOCK + 0x10000);
    check_value("the other registers are clear", entry.ecx | entry.ebx | entry.ebp | entry.esi | entry.edi, 0);
    check_value("EFLAGS", entry.eflags, FLAG_FIXED);
    check_value("CR0", entry.cr0 & ~CR0_KEPT, CR0_PE | CR0_ET);
    check_value("CR2, CR3, CR4", entry.cr2 | entry.cr3 | entry.cr4, 0);
    check_value("CS", entry.cs, 0x08);
    check_value("SS", entry.ss, 0x10);
    check_value("DS, ES, FS, GS", entry.ds | entry.es | entry.fs | entry.gs, 0);
    check_value("LDTR, TR", entry.ldtr | entry.tr, 0);
    check_value("GDTR", entry.gdtr.base | entry.gdtr.limit, RESET_LIMIT);
    check_value("IDTR", entry.idtr.base | entry.idtr.limit, RESET_LIMIT);
    check_value("EFER", entry.efer, 0);
    check_value("VM_CR", entry.vm_cr, VM_CR_DPD | VM_CR_R_INIT | VM_CR_DIS_A20M);
    check_value("DR0", entry.dr0, 0);
    check_value("DR6", entry.dr6, DR6_NOTHING);
    check_value("DR7: the breakpoint on the block's first instruction is gone", entry.dr7, DR7_NOTHING);
    check_value("traps", traps, 0);
    check_value("the guard's launch region", GUARD_REGISTER(LAUNCH_BASE), BLOCK);
    check_value("is closed", GUARD_REGISTER(LAUNCH_CONTROL), 1);
}

/* One word by DMA; whether the engine was refused. */
static u32 moved(u32 to, u32 from)
{
    descriptor.source = from;
    descriptor.destination = to;
    descriptor.length = 4;
    descriptor.flags = DESCRIPTOR_FLAG_LAST;
    DMA(STATUS) = ~0u;
    DMA(DESCRIPTOR) = (u32)&descriptor;
    DMA(CONTROL) = DMA_ENGINE_CONTROL_START;
    while (DMA(STATUS) & DMA_ENGINE_STATUS_BUSY)
        ;
    return (DMA(STATUS) & DMA_ENGINE_STATUS_ERROR) != 0;
}

static void closed(u32 refused)
{
    volatile u32 *secret = (volatile u32 *)(BLOCK + 0x8000), *target = (volatile u32 *)ELSEWHERE;
    *secret = 1;
    *target = 2;
    check_value("a read of the block is refused", moved(ELSEWHERE, BLOCK + 0x8000), refused);
    check_value("and brings", *target, refused ? 2 : 1);
    check_value("a write of its last word is refused", moved(BLOCK + 0xFFFC, ELSEWHERE), refused);
    check_value("a write of its first word is refused", moved(BLOCK, ELSEWHERE + 4), refused);
    check_value("and changes nothing", *(volatile u32 *)BLOCK == (ENTRY | MEASURED << 16), refused);
    check_value("before it", moved(BLOCK - 4, ELSEWHERE), 0);
    check_value("behind it", moved(BLOCK + 0x10000, ELSEWHERE), 0);
    *(volatile u32 *)BLOCK = ENTRY | MEASURED << 16;
}

/* GIF is clear: what comes meanwhile waits for STGI. INIT is #SX then, and no way back to the BIOS. */
static void held(void)
{
    outb(RESET_CONTROL, 0);
    outb(RESET_CONTROL, SOFT_RESET);
    expect("INIT waits", SNIPPET("nop"), 0, 0, 0, NONE, 0);
    expect("and then is #SX", SNIPPET("stgi\nnop"), 0, 0, 0, VECTOR_SX, SX_INIT);
    outb(RESET_CONTROL, 0);
    expect("with GIF set at once", SNIPPET("movl $0xCF9, %edx\noutb %al, %dx\nnop"), 0, SOFT_RESET, 0, VECTOR_SX, SX_INIT);
}

int main(void)
{
    u32 features;
    put("late launch\n");
    trap_hook = hook;
    __asm__ volatile("cpuid" : "=c"(features) : "a"(0x80000001) : "ebx", "edx");
    check_value("CPUID tells of it", features & CPUID_SKINIT, CPUID_SKINIT);
    expect("in ring 3", SNIPPET("skinit"), 3, BLOCK, 0, VECTOR_GP, 0);

    put("without EFER.SVME\n");
    prepare();
    closed(0);
    launch(SNIPPET("movl $0xA01234, %eax\nskinit"));
    entered();
    closed(1);
    held();

    put("by code that steps\n"); /* the trap would come after it: POPF lets one instruction pass */
    prepare();
    launch(SNIPPET("movl $0xA00000, %eax\nmovl $0x102, %ebx\npushl %ebx\npopfl\nskinit"));
    entered();
    __asm__ volatile("stgi");

    put("by a guest\n");
    svm_on();
    prepare();
    guest_begin();
    V32(TSC_OFFSET) = SPOILT;
    V32(RIP) = (u32)GUEST("movl $0xA00000, %eax\nskinit");
    launch((const void *)guest_enter);
    entered();
    __asm__ volatile("stgi");

    put("intercepted\n");
    svm_on();
    prepare();
    guest_begin();
    V32(INTERCEPT_GENERAL2) |= INTERCEPT2_SKINIT;
    V32(RIP) = (u32)GUEST("skinit");
    guest_enter();
    check_value("exit", V32(EXITCODE), EXIT_SKINIT);
    check_value("its code has not run", entry.eax, 0xA5A5A5A5u);
    return conclude();
}
