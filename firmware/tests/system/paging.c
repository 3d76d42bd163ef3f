/* Two-level paging: rights, error codes, accessed and dirty bits, CR0.WP, 4 MiB pages, and translations that must not stay. */
#include "paging.h"

#define A 0x00C00000u /* a page of the fourth table */
#define B 0x00C01000u
#define FRAME 0x00A00000u /* where its data lie */

static const void *rd, *wr, *exec;

/* One access in a line of many: its letter, then the error code, or + and the A and D bits that it set. */
static void access(char letter, const void *code, u32 ring, u32 address)
{
    u32 pde = page_directory[3], pte = PTE(A);
    putchar(' ');
    putchar(letter);
    attempt(code, ring, 0, address, 0, 0);
    if (outcome.vector == ~0u) {
        putchar('+');
        put_number((page_directory[3] ^ pde) & (page_directory[3] & PDE_PS ? PTE_A | PTE_D : PTE_A));
        putchar('.');
        put_number((PTE(A) ^ pte) & (PTE_A | PTE_D));
    } else {
        put_number(outcome.error);
        if (outcome.vector != 14 || outcome.cr2 != address)
            put(" wrong");
        if ((page_directory[3] ^ pde) & PTE_D & page_directory[3] >> 1 || (PTE(A) ^ pte) & PTE_D)
            put(" dirty");
    }
    page_directory[3] = pde;
    PTE(A) = pte;
    invlpg(A);
}

static void all(void)
{
    u32 ring;
    for (ring = 0; ring < 4; ring += 3) {
        put(ring ? " ring 3:" : " ring 0:");
        access('r', rd, ring, A);
        access('w', wr, ring, A);
        access('x', exec, ring, A);
    }
    newline();
}

static void rights(void)
{
    u32 d, t, wp;
    for (wp = 0; wp < 2; wp++) {
        write_cr0(wp ? read_cr0() | CR0_WP : read_cr0() & ~CR0_WP);
        for (d = 0; d < 8; d++)
            for (t = 0; t < 8; t++) {
                if ((!(d & 1) && d) || (!(t & 1) && t))
                    continue;
                page_directory[3] = (u32)page_tables[3] | d;
                PTE(A) = FRAME | t;
                invlpg(A);
                put(wp ? "wp " : "");
                put_number(d);
                putchar(' ');
                put_number(t);
                all();
            }
    }
    page_directory[3] = (u32)page_tables[3] | PTE_P | PTE_W | PTE_U;
    write_cr0(read_cr0() & ~CR0_WP);
}

static void big_pages(void)
{
    u32 d;
    put("4 MiB pages\n");
    write_cr4(CR4_PSE);
    for (d = 1; d < 8; d += 2) {
        page_directory[3] = 0x00800000u | PDE_PS | d;
        *(volatile u8 *)FRAME = 0xC3;
        *(volatile u8 *)0x00800000u = 0xC3;
        invlpg(A);
        put_number(d);
        all();
    }
    *(volatile u32 *)0x00A12344u = 0x600D600D;
    page_directory[3] = 0x00800000u | PDE_PS | 3;
    invlpg(A);
    value("inside", *(volatile u32 *)(A + 0x00212344u));
    write_cr4(0);
    page_directory[3] = (u32)page_tables[3] | PDE_PS | 7; /* PS means nothing without CR4.PSE */
    PTE(A) = FRAME | 7;
    *(volatile u32 *)FRAME = 0x11112222;
    write_cr3(read_cr3());
    value("ps without pse", *(volatile u32 *)A);
    page_directory[3] = (u32)page_tables[3] | 7;
    write_cr3(read_cr3());
}

static void stale(void)
{
    volatile u32 *a = (u32 *)A;
    put("changes\n");
    *(volatile u32 *)FRAME = 0xAAAA0001;
    *(volatile u32 *)(FRAME + 4096) = 0xBBBB0002;
    PTE(A) = FRAME | 7;
    invlpg(A);
    value("first frame", *a);
    PTE(A) = (FRAME + 4096) | 7;
    invlpg(A);
    value("after invlpg", *a);
    PTE(A) = FRAME | 7;
    write_cr3(read_cr3());
    value("after cr3", *a);
    PTE(A) = (FRAME + 4096) | 7;
    write_cr0(read_cr0() & ~CR0_PG);
    write_cr0(read_cr0() | CR0_PG);
    value("after paging off and on", *a);
    write_cr4(CR4_PGE);
    PTE(A) = FRAME | 7 | PTE_G;
    invlpg(A);
    value("global", *a);
    PTE(A) = (FRAME + 4096) | 7 | PTE_G;
    invlpg(A);
    value("global after invlpg", *a);
    PTE(A) = FRAME | 7;
    write_cr4(0);
    value("after cr4.pge changed", *a);
    PTE(A) = 0;
    invlpg(A);
    run("gone", rd, 0, 0, A, 0, 0);
    PTE(A) = FRAME | 7;
    run("there again, without a flush", rd, 0, 0, A, 0, 0);
    PTE(A) = FRAME | 1;
    invlpg(A);
    run("read-only in ring 3", wr, 3, 0, A, 0, 0);
    PTE(A) = FRAME | 7;
    run("rights raised, without a flush", wr, 3, 0, A, 0, 0);
    PTE(A) = FRAME | 7;
    invlpg(A);
    (void)*a;
    value("accessed", PTE(A) & 0xFFF);
    *a = 1;
    value("dirty after a read came first", PTE(A) & 0xFFF);
}

static void crossing(void)
{
    volatile u32 *last = (u32 *)(FRAME + 4092);
    const void *write4 = SNIPPET("movl $0x11223344, 0xC00FFE"), *write2 = SNIPPET("movw $0x5566, 0xC00FFF");
    const void *read4 = SNIPPET("movl 0xC00FFE, %eax");
    const void *add = SNIPPET("addl $1, 0xC00FFD"), *cmpxchg8 = SNIPPET("cmpxchg8b 0xC00FFC");
    put("crossing\n");
    PTE(A) = FRAME | 7;
    PTE(B) = 0;
    write_cr3(read_cr3());
    *last = 0xEEEEEEEE;
    PTE(A) = FRAME | 7;
    run("second page missing, write", write4, 0, 0, 0, 0, 0);
    value("nothing written", *last);
    run("second page missing, write of a word", write2, 0, 0, 0, 0, 0);
    value("nothing written", *last);
    run("second page missing, read", read4, 0, 0, 0, 0, 0);
    run("second page missing, add", add, 0, 0, 0, 0, 0);
    value("nothing written", *last);
    run("second page missing, cmpxchg8b", cmpxchg8, 0, 0xEEEEEEEE, 0, 0, 0);
    value("nothing written", *last);
    PTE(B) = (FRAME + 4096) | 5;
    PTE(A) = FRAME | 7;
    write_cr3(read_cr3());
    run("second page read-only, ring 3", write4, 3, 0, 0, 0, 0);
    value("nothing written", *last);
    PTE(A) = 0;
    PTE(B) = (FRAME + 4096) | 7;
    write_cr3(read_cr3());
    run("first page missing", write4, 0, 0, 0, 0, 0);
    PTE(A) = FRAME | 7;
    write_cr3(read_cr3());
    run("both there", write4, 0, 0, 0, 0, 0);
    value("low part", *last);
    value("high part", *(volatile u32 *)(FRAME + 4096) & 0xFFFF);
    value("dirty, first", PTE(A) & 0xFFF);
    value("dirty, second", PTE(B) & 0xFFF);
}

static void fetches(void)
{
    volatile u8 *end = (u8 *)(FRAME + 4096 - 3);
    const void *jump = SNIPPET("movl $0xC00FFD, %eax\njmp *%eax"), *jump_b = SNIPPET("movl $0xC01000, %eax\njmp *%eax");
    put("fetches\n");
    PTE(A) = FRAME | 7;
    PTE(B) = 0;
    write_cr3(read_cr3());
    end[0] = 0x90, end[1] = 0xB8, end[2] = 0x44; /* nop; mov eax, imm32 over the edge */
    run("instruction over the edge", jump, 0, 0, 0, 0, 0);
    end[1] = 0x90, end[2] = 0xC3;
    run("up to the edge", jump, 0, 0, 0, 0, 0);
    end[2] = 0x90;
    run("next instruction beyond the edge", jump, 0, 0, 0, 0, 0);
    run("jump into the missing page", jump_b, 0, 0, 0, 0, 0);
    run("jump into the missing page, ring 3", jump_b, 3, 0, 0, 0, 0);
    PTE(A) = FRAME | 3;
    invlpg(A);
    run("ring 3 in a supervisor page", jump, 3, 0, 0, 0, 0);
    PTE(A) = FRAME | 5;
    PTE(B) = (FRAME + 4096) | 5;
    invlpg(A);
    invlpg(B);
    *(volatile u8 *)(FRAME + 4096) = 0xC3;
    run("over the edge, both there", jump, 3, 0, 0, 0, 0);
    value("accessed", (PTE(A) & PTE_A) + (PTE(B) & PTE_A));
}

static void implicit(void)
{
    u32 gdt_pte, saved;
    put("supervisor accesses of ring 3\n");
    saved = PTE((u32)gdt);
    for (gdt_pte = 1; gdt_pte < 8; gdt_pte += 2) {
        PTE((u32)gdt) = (saved & ~7u) | 3;
        invlpg((u32)gdt);
        run("segment load with the table in a supervisor page", SNIPPET("movl %ds, %eax\nmovl %eax, %ds"), 3, 0, 0, 0, 0);
    }
    PTE((u32)gdt) = saved;
    invlpg((u32)gdt);
}

int main(void)
{
    rd = SNIPPET("movl (%ecx), %eax");
    wr = SNIPPET("movb $0xC3, (%ecx)");
    exec = SNIPPET("call *%ecx");
    put("paging\n");
    identity_map();
    *(volatile u8 *)FRAME = 0xC3;
    paging_on();
    rights();
    big_pages();
    stale();
    crossing();
    fetches();
    implicit();
    write_cr0(read_cr0() & ~CR0_PG);
    put("end\n");
    return 0;
}
