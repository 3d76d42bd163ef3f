/* Stores take effect on code: in the next instruction after a jump, in a loop, in the same line, through a second mapping. */
#include "paging.h"

static u8 page[8192] __attribute__((aligned(4096), section(".data"))) = {0};

static u32 call(u32 address)
{
    u32 r;
    __asm__ volatile("call *%1" : "=a"(r) : "r"(address) : "ecx", "edx", "memory");
    return r;
}

static void put_mov(u8 *at, u32 v) /* mov eax, v; ret */
{
    at[0] = 0xB8;
    at[1] = (u8)v;
    at[2] = (u8)(v >> 8);
    at[3] = (u8)(v >> 16);
    at[4] = (u8)(v >> 24);
    at[5] = 0xC3;
}

int main(void)
{
    u32 n, s = 0;
    put("selfmod\n");
    for (n = 0; n < 64; n++) {
        put_mov(page + 16 * (n & 7), n * 0x01010101);
        s = s * 31 + call((u32)page + 16 * (n & 7));
    }
    value("rewritten often", s);
    show = SHOW_EAX | SHOW_ECX;
    TEST("next instruction, after a jump", 0, 0, "movl $0, %eax\nmovb $0x42, 1f+1\njmp 1f\n1: movb $0, %al\nmovb $0, 1b+1");
    TEST("next instruction at once", 0, 0, "movl $0, %eax\nmovb $0x43, 1f+1\n1: movb $0, %al\nmovb $0, 1b+1");
    TEST("a few instructions ahead", 0, 0, "movl $0, %eax\nmovb $0x44, 1f+1\nnop\nnop\nnop\nincl %ecx\n1: movb $0, %al\nmovb $0, 1b+1");
    TEST("an opcode becomes another", 5, 0, "movb $0x48, 1f\njmp 1f\n1: incl %eax\nmovb $0x40, 1b");
    TEST("a loop that changes its own operand", 0, 10, "1: addl $1, %eax\nincb 1b+2\nloop 1b\nmovb $1, 1b+2");
    TEST("written by a string instruction", 0, 0,
         "movl $3f, %esi\nmovl $2f, %edi\nmovl $5, %ecx\nrep movsb\njmp 2f\n3: movl $0x99, %eax\n2: movl $0x11, %eax\nmovb $0x11, 2b+1");
    TEST("written by push", 0, 0, "movl %esp, %edx\nmovl $1f+8, %esp\npushl $0x90909090\npushl $0x90904090\nmovl %edx, %esp\njmp 1f\n.balign 4\n1: .skip 8, 0x48");
    TEST("in a call's return path", 0, 0, "call 1f\n2: movb $0x10, %al\njmp 3f\n1: movb $0x77, 2b+1\nret\n3: movb $0x10, 2b+1");
    put("through another address\n");
    identity_map();
    PTE(0xC00000) = (u32)page | 7;
    paging_on();
    put_mov(page, 1);
    value("first", call((u32)page));
    put_mov((u8 *)0xC00000, 2);
    value("second", call((u32)page));
    put_mov(page, 3);
    value("third", call(0xC00000));
    put_mov(page + 4096 - 3, 4);
    put_mov(page, 5);
    value("over the page's edge", call((u32)page + 4096 - 3));
    page[4096] = 0x66;
    value("its second part changed", call((u32)page + 4096 - 3));
    PTE(0xC00000) = ((u32)page + 4096) | 7;
    put_mov(page + 4096, 6);
    put_mov(page, 7);
    invlpg(0xC00000);
    value("another frame at the same address", call(0xC00000));
    write_cr0(read_cr0() & ~CR0_PG);
    put("end\n");
    return 0;
}
