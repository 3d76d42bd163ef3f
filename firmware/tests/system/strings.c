/* String instructions that a page fault stops in the middle, and that go on afterwards; counts, directions, both pointers. */
#include "paging.h"

#define A 0x00C00000u
#define FRAME 0x00A00000u
#define AREA 0x2800

static u32 faults, registers[3];

static u32 map_on_demand(struct frame *f)
{
    if (f->vector != 14)
        return 0;
    faults++;
    registers[0] = f->ecx;
    registers[1] = f->esi;
    registers[2] = f->edi;
    put_field(" fault", read_cr2());
    put_field("error", f->error);
    put_field("ecx", f->ecx);
    put_field("esi", f->esi);
    put_field("edi", f->edi);
    PTE(read_cr2()) |= PTE_P;
    return 1;
}

static u32 sum(u32 address, u32 count)
{
    u32 n, s = 0;
    for (n = 0; n < count / 4; n++)
        s = (s << 1 | s >> 31) ^ ((volatile u32 *)address)[n];
    return s;
}

static void close_pages(void)
{
    u32 n;
    for (n = 0; n < 4; n++) {
        PTE(A + n * 4096) = (FRAME + n * 4096) | PTE_W | PTE_U;
        PTE(A + 0x10000 + n * 4096) = (FRAME + 0x10000 + n * 4096) | PTE_W | PTE_U;
    }
    write_cr3(read_cr3());
}

static void go(const char *name, const void *code, u32 count)
{
    fill((void *)(FRAME + 0x10000), 0, AREA);
    close_pages();
    put(name);
    show = SHOW_ECX | SHOW_ESI | SHOW_EDI;
    trap_hook = map_on_demand;
    run("", code, 0, 0x5A5A5A5A, count, 0, 0);
    trap_hook = 0;
    put_field(" to", sum(FRAME + 0x10000, AREA));
    newline();
}

int main(void)
{
    u32 n;
    put("strings\n");
    identity_map();
    paging_on();
    for (n = 0; n < AREA / 4; n++)
        ((volatile u32 *)FRAME)[n] = n * 0x07050301 + (n >> 8);
    go("rep movsb", SNIPPET("movl $0xC00FF0, %esi\nmovl $0xC10FF8, %edi\nrep movsb"), 32);
    go("rep movsl", SNIPPET("movl $0xC00FF2, %esi\nmovl $0xC10FF1, %edi\nrep movsl"), 16);
    go("rep movsl down", SNIPPET("std\nmovl $0xC01008, %esi\nmovl $0xC11004, %edi\nrep movsl\ncld"), 8);
    go("rep movsw over two pages", SNIPPET("movl $0xC00FF0, %esi\nmovl $0xC10FF8, %edi\nrep movsw"), 2200);
    go("rep stosl", SNIPPET("movl $0xC10FF2, %edi\nxorl %esi, %esi\nrep stosl"), 16);
    go("rep stosb down", SNIPPET("std\nmovl $0xC11005, %edi\nxorl %esi, %esi\nrep stosb\ncld"), 16);
    go("rep lodsb", SNIPPET("movl $0xC00FFA, %esi\nxorl %edi, %edi\nrep lodsb"), 16);
    go("repe cmpsb", SNIPPET("movl $0xC00FFA, %esi\nmovl %esi, %edi\nrepe cmpsb"), 16);
    go("repne scasb", SNIPPET("movl $0xC10FFA, %edi\nxorl %esi, %esi\nrepne scasb"), 16);
    go("a count of 0 touches nothing", SNIPPET("movl $0xC00FFA, %esi\nmovl $0xC10FFA, %edi\nrep movsb"), 0);
    go("movsb without rep", SNIPPET("movl $0xC00FFA, %esi\nmovl $0xC10FFA, %edi\nmovsb"), 5);
    value("faults", faults);
    value("source, unchanged", sum(FRAME, AREA));
    put("without help\n");
    show = SHOW_ECX | SHOW_ESI | SHOW_EDI;
    close_pages();
    PTE(A) |= PTE_P;
    PTE(A + 0x10000) |= PTE_P;
    run("read faults", SNIPPET("movl $0xC00FF0, %esi\nmovl $0xC10000, %edi\nrep movsb"), 0, 0, 32, 0, 0);
    value("16 moved", sum(FRAME + 0x10000, 0x20));
    run("write faults", SNIPPET("movl $0xC00000, %esi\nmovl $0xC10FF0, %edi\nrep movsb"), 0, 0, 32, 0, 0);
    run("both would fault: the read first", SNIPPET("movl $0xC00FFF, %esi\nmovl $0xC10FFF, %edi\nmovsb\nmovsb"), 0, 0, 1, 0, 0);
    run("ring 3", SNIPPET("movl $0xC00FF0, %esi\nmovl $0xC10000, %edi\nrep movsl"), 3, 0, 32, 0, 0);
    put("16-bit addresses\n");
    show = SHOW_ECX | SHOW_ESI | SHOW_EDI | SHOW_EAX;
    run("cx and si", SNIPPET("movl $0x12340600, %esi\nmovl $0x56780700, %edi\nmovl $0xABCD0004, %ecx\n.byte 0x67\nrep movsb"), 0, 0, 0, 0, 0);
    run("si wraps", SNIPPET("movl $0x1234FFFF, %esi\n.byte 0x67\nlodsb\nxorl %eax, %eax"), 0, 0, 0, 0, 0);
    run("jcxz", SNIPPET("movl $0x10000, %ecx\n.byte 0x67\njecxz 1f\nmovl $1, %eax\n1:"), 0, 0, 0, 0, 0);
    run("loopw", SNIPPET("movl $0x10003, %ecx\n1:incl %eax\n.byte 0x67\nloop 1b"), 0, 0, 0, 0, 0);
    put("stack and memory together\n");
    show = SHOW_EAX | SHOW_ECX;
    run("pop into esp-relative", SNIPPET("pushl $0\npushl $0x1234\npopl (%esp)\npopl %eax"), 0, 0, 0, 0, 0);
    run("push esp", SNIPPET("movl %esp, %ecx\npushl %esp\npopl %eax\nsubl %ecx, %eax\nxorl %ecx, %ecx"), 0, 0, 0, 0, 0);
    run("pop esp", SNIPPET("movl %esp, %ecx\npushl %esp\npopl %esp\nmovl %esp, %eax\nsubl %ecx, %eax\nxorl %ecx, %ecx"), 0, 0, 0, 0, 0);
    run("xchg is atomic in the face of a fault", SNIPPET("movl $0x77, %eax\nxchgl %eax, 0xC03000"), 0, 0, 0, 0, 0);
    for (n = 0; n < 3; n++) {
        close_pages();
        PTE(A) |= PTE_P;
        *(volatile u32 *)FRAME = 0x55555555;
        run(n == 0 ? "pop to a missing page keeps esp" : n == 1 ? "push from a missing page keeps esp" : "call through a missing page",
            n == 0   ? SNIPPET("popl 0xC02000")
            : n == 1 ? SNIPPET("pushl 0xC02000")
                     : SNIPPET("call *0xC02000"),
            0, 0, 0, 0, 0);
    }
    write_cr0(read_cr0() & ~CR0_PG);
    put("end\n");
    return 0;
}
