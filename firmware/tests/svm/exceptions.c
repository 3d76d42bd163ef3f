/* Exception intercepts: every vector that a guest can raise, error codes, CR2 unwritten, and exceptions while an event is being delivered. */
#include "svm.h"

static void one(const char *name, u32 vector, const void *code, void (*prepare)(void))
{
    u32 on;
    for (on = 0; on < 2; on++) {
        guest_begin();
        V32(INTERCEPT_EXCEPTIONS) = on ? 1u << vector : 0;
        V32(CR2) = 0x5555;
        if (prepare)
            prepare();
        put(on ? "+ " : "- ");
        guest_run(name, code);
        if (on)
            put_v("  cr2", V32(CR2), 0x5555);
    }
}

static void all_but(const char *name, u32 intercepts, const void *code, void (*prepare)(void))
{
    guest_begin();
    V32(INTERCEPT_EXCEPTIONS) = intercepts;
    if (prepare)
        prepare();
    guest_run(name, code);
}

static void paged(void)
{
    static u32 mapped; /* once: it takes long */
    if (!mapped++)
        identity_map();
    PTE(0xC00000) = 0;
    PTE(0xC01000) = 0xC01000 | PTE_P | PTE_U;
    PTE(0xC02000) = 0xC02000 | PTE_P | PTE_W;
    V32(CR0) = 0x80000011;
    V32(CR3) = (u32)page_directory;
}

static void paged3(void)
{
    paged();
    guest_ring(3);
}

static void ring3(void) { guest_ring(3); }
static void no_fpu(void) { V32(CR0) = 0x1B; }

int main(void)
{
    const void *gp = GUEST("movl $0x408, %eax\nmovl %eax, %es"), *int41 = GUEST("int $0x41"), *pf = GUEST("movl 0xC00004, %eax");
    const void *de = GUEST("xorl %ecx, %ecx\ndivl %ecx");
    put("exceptions\n");
    svm_on();
    set_segment(SEL_TEST(1), 0, 0xFFFFF, ACC_NP(0, T_DATA_RW), FL_G | FL_B);
    one("#DE", 0, de, 0);
    one("#BR", 5, GUEST("pushl $1\npushl $0\nmovl $5, %eax\nbound %eax, (%esp)"), 0);
    one("#UD", 6, GUEST("ud2"), 0);
    one("#NM", 7, GUEST("fwait"), no_fpu);
    one("#NP", 11, GUEST("movl $0x60, %eax\nmovl %eax, %es"), 0);
    one("#SS", 12, GUEST("movl $0x60, %eax\nmovl %eax, %ss"), 0);
    one("#GP", 13, gp, 0);
    one("#GP of ring 3", 13, GUEST("nop\ncli"), ring3);
    one("#PF read", 14, pf, paged);
    one("#PF write", 14, GUEST("movl %eax, 0xC00008"), paged);
    one("#PF execute", 14, GUEST("movl $0xC00000, %eax\njmp *%eax"), paged);
    one("#PF of ring 3, write", 14, GUEST("movl %eax, 0xC01010"), paged3);
    one("#PF of ring 3, read", 14, GUEST("movl 0xC02010, %eax"), paged3);
    one("#GP through a gate that is closed", 11, gp, 0);
    put("during the delivery of something else\n");
    guest_idt[13][1] &= ~0x8000u;
    all_but("#GP, its gate closed, #NP intercepted", 1 << 11, gp, 0);
    all_but("#GP, its gate closed, #GP intercepted", 1 << 13, gp, 0);
    all_but("#GP, its gate closed, nothing intercepted", 0, gp, 0);
    guest_idt[13][1] |= 0x8000u;
    guest_idt[0x41][1] &= ~0x8000u;
    all_but("INT n, its gate closed, #NP intercepted", 1 << 11, int41, 0);
    all_but("INT n, its gate closed, nothing intercepted", 0, int41, 0);
    guest_idt[0x41][1] |= 0x8000u;
    guest_idt[0][1] &= ~0x8000u;
    all_but("#DE, its gate closed, #NP intercepted", 1 << 11, de, 0);
    all_but("#DE, its gate closed, nothing intercepted: #DF", 0, de, 0);
    guest_idt[0][1] |= 0x8000u;
    guest_tss.esp0 = 0xC00100;
    all_but("#DE in ring 3, no stack, #PF intercepted", 1 << 14, de, paged3);
    all_but("#PF in ring 3, no stack, both intercepted", 1 << 14, pf, paged3);
    all_but("INT n in ring 3, no stack, #PF intercepted", 1 << 14, int41, paged3);
    guest_tss.esp0 = GUEST_ESP - 2048;
    put("shutdown\n");
    guest_begin();
    V32(IDTR_LIMIT) = 0;
    V32(INTERCEPT_EXCEPTIONS) = 1 << 13;
    guest_run("no IDT, #GP intercepted", GUEST("ud2"));
    guest_begin(); /* last: Bochs ends here */
    V32(IDTR_LIMIT) = 0;
    guest_run("no IDT", GUEST("ud2"));
    value("exits", guest_exits);
    put("end\n");
    return 0;
}
