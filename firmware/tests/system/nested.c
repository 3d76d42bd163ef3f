/* Faults while a fault is being delivered: which pairs become #DF, and what is saved. */
#include "paging.h"

static void close_gate(u32 vector) { idt[vector][1] &= ~0x8000u; }
static void open_gate(u32 vector) { idt[vector][1] |= 0x8000u; }

static void with_closed(const char *name, u32 vector, const void *code)
{
    close_gate(vector);
    run(name, code, 0, 0, 0, 0, 0);
    open_gate(vector);
}

int main(void)
{
    const void *divide = SNIPPET("xorl %ecx, %ecx\ndivl %ecx"), *gp = SNIPPET("movw $0x28, %ax\naddw $0x400, %ax\nmovw %ax, %es");
    const void *ud = SNIPPET("ud2"), *np = SNIPPET("movw $0xa8, %ax\nmovw %ax, %es"), *pf = SNIPPET("movl 0xC00000, %eax");
    const void *soft = SNIPPET("int $0x41"), *bp = SNIPPET("int3"), *nm = SNIPPET("movl $0x1b, %eax\nmovl %eax, %cr0\nfwait");
    u32 idt_pte;
    put("nested\n");
    set_segment(0xA8, 0, 0xFFFFF, ACC_NP(0, T_DATA_RW), FL_G | FL_B);
    set_gate(idt, 0x41, SEL_CODE(0), (u32)trap_stubs + 16 * 0x41, ACC(3, T_INT32), 0);
    put("the gate is not present\n");
    with_closed("#DE then #NP", 0, divide);
    with_closed("#GP then #NP", 13, gp);
    with_closed("#NP then #NP", 11, np);
    with_closed("#UD then #NP", 6, ud);
    with_closed("#NM then #NP", 7, nm);
    write_cr0(0x11);
    with_closed("#BP then #NP", 3, bp);
    with_closed("INT n then #NP", 0x41, soft);
    put("with paging\n");
    identity_map();
    PTE(0xC00000) = 0;
    paging_on();
    run("#PF alone", pf, 0, 0, 0, 0, 0);
    with_closed("#PF then #NP", 14, pf);
    put("the handler's code segment is bad\n");
    set_gate(idt, 14, 0x408, (u32)trap_stubs + 16 * 14, ACC(0, T_INT32), 0);
    run("#PF then #GP", pf, 0, 0, 0, 0, 0);
    set_gate(idt, 14, SEL_CODE(0), (u32)trap_stubs + 16 * 14, ACC(0, T_INT32), 0);
    set_gate(idt, 0, 0x408, (u32)trap_stubs, ACC(0, T_INT32), 0);
    run("#DE then #GP", divide, 0, 0, 0, 0, 0);
    set_gate(idt, 0, SEL_CODE(0), (u32)trap_stubs, ACC(0, T_INT32), 0);
    set_gate(idt, 6, 0x408, (u32)trap_stubs + 16 * 6, ACC(0, T_INT32), 0);
    run("#UD then #GP", ud, 0, 0, 0, 0, 0);
    set_gate(idt, 6, SEL_CODE(0), (u32)trap_stubs + 16 * 6, ACC(0, T_INT32), 0);
    put("the inner stack is missing\n");
    tss.esp1 = 0xC00100;
    set_gate(idt, 6, SEL_CODE(1), (u32)trap_stubs + 16 * 6, ACC(0, T_INT32), 0);
    run("#UD then #PF", ud, 3, 0, 0, 0, 0);
    set_gate(idt, 0, SEL_CODE(1), (u32)trap_stubs, ACC(0, T_INT32), 0);
    run("#DE then #PF", divide, 3, 0, 0, 0, 0);
    set_gate(idt, 13, SEL_CODE(1), (u32)trap_stubs + 16 * 13, ACC(0, T_INT32), 0);
    run("#GP then #PF", gp, 3, 0, 0, 0, 0);
    set_gate(idt, 0x41, SEL_CODE(1), (u32)trap_stubs + 16 * 0x41, ACC(3, T_INT32), 0);
    run("INT n then #PF", soft, 3, 0, 0, 0, 0);
    tss.ss1 = 0;
    run("#DE then #TS", divide, 3, 0, 0, 0, 0);
    run("#UD then #TS", ud, 3, 0, 0, 0, 0);
    run("INT n then #TS", soft, 3, 0, 0, 0, 0);
    idt_pte = PTE((u32)idt);
    (void)idt_pte;
    write_cr0(read_cr0() & ~CR0_PG);
    put("end\n");
    return 0;
}
