/* Address bit 20 masked and not, with warm caches: data, stores, code, page tables and what the TLB holds. The code that masks it runs in
 * low memory with a stack there, since the program itself lies above 1 MiB. Both gates must be closed, the 8042's and port 92h's.
 */
#include "paging.h"

#define GATE 0x8000u
#define STEP 0x8100u
#define STEP_SIZE 128u
#define EVEN 0x212340u /* and its alias with bit 20 set: */
#define ODD 0x312340u
#define EVEN_CODE 0x213000u
#define ODD_CODE 0x313000u
#define EVEN_TABLES 0x214000u
#define ODD_TABLES 0x314000u
#define HIGH 0x612340u
#define AT(address) (*(volatile u32 *)(address))

static void copy(u32 to, const void *from, u32 count)
{
    const u8 *p = from;
    while (count--)
        *(volatile u8 *)to++ = *p++;
}

/* Runs the snippet with bit 20 masked; its EAX. */
static u32 masked(const void *snippet)
{
    u32 result;
    copy(GATE,
         SNIPPET("movl %esp, 0x9000\nmovl $0xA000, %esp\nmovb $0xDD, %al\noutb %al, $0x64\nmovb $0, %al\noutb %al, $0x92\n"
                 "movl $0x8100, %ecx\ncall *%ecx\nmovl %eax, %edx\nmovb $2, %al\noutb %al, $0x92\nmovl 0x9000, %esp\nmovl %edx, %eax"),
         64);
    copy(STEP, snippet, STEP_SIZE);
    __asm__ volatile("call *%1" : "=a"(result) : "r"(GATE) : "ecx", "edx", "ebx", "esi", "edi", "memory");
    return result;
}

static u32 call(u32 address)
{
    u32 result;
    __asm__ volatile("call *%1" : "=a"(result) : "r"(address) : "ecx", "edx", "memory");
    return result;
}

static void put_code(u32 at, u32 number) /* movl $number, %eax; ret */
{
    AT(at) = 0xB8 | number << 8;
    AT(at + 4) = 0xC300;
}

static void both(const char *name)
{
    put(name);
    put_field("even", AT(EVEN));
    put_field("odd", AT(ODD));
    newline();
}

int main(void)
{
    put("a20\n");
    AT(EVEN) = 0xE1;
    AT(ODD) = 0x0D;
    both("two places");
    value("the odd one is the even one", masked(SNIPPET("movl 0x312340, %eax")));
    both("and two again");
    value("both, warm", masked(SNIPPET("movl 0x312340, %eax\nshll $8, %eax\norl 0x212340, %eax")));
    value("stored and read under both names",
          masked(SNIPPET("movl $0xE2, 0x312340\nmovl 0x212340, %eax\nmovl $0xE3, 0x212340\nshll $8, %eax\norl 0x312340, %eax")));
    both("only the even one changed");
    AT(ODD) = 0x1D;
    both("a store unmasked");
    value("masked", masked(SNIPPET("movl 0x312340, %eax")));
    value("read-modify-write", masked(SNIPPET("incl 0x312340\nlock incl 0x312340\nmovl 0x212340, %eax")));
    both("afterwards");
    AT(0x2FFFFC) = 0x44332211;
    AT(0x300000) = 0x88776655;
    AT(0x200000) = 0xCCBBAA99;
    value("an access that crosses into an odd megabyte", AT(0x2FFFFE));
    value("masked", masked(SNIPPET("movl 0x2FFFFE, %eax")));

    put("code\n");
    put_code(EVEN_CODE, 0xE);
    put_code(ODD_CODE, 0xD);
    value("even", call(EVEN_CODE));
    value("odd", call(ODD_CODE));
    value("odd, masked", masked(SNIPPET("movl $0x313000, %ecx\ncall *%ecx")));
    value("even, masked", masked(SNIPPET("movl $0x213000, %ecx\ncall *%ecx")));
    value("odd", call(ODD_CODE));
    value("changed under the other name", masked(SNIPPET("movb $0x77, 0x313001\nmovl $0x213000, %ecx\ncall *%ecx\nmovl %eax, %ebx\n"
                                                         "movb $0x78, 0x213001\nmovl $0x313000, %ecx\ncall *%ecx\nshll $8, %eax\norl %ebx, %eax")));
    value("even", call(EVEN_CODE));
    value("odd", call(ODD_CODE));

    put("paging\n"); /* 4 MiB pages: 400000 is mapped to 0 by one directory, to itself by the other */
    fill((void *)EVEN_TABLES, 0, 4096);
    fill((void *)ODD_TABLES, 0, 4096);
    AT(EVEN_TABLES) = AT(ODD_TABLES) = 0x87;
    AT(EVEN_TABLES + 4) = 0x87;
    AT(ODD_TABLES + 4) = 0x400087;
    AT(HIGH) = 0x61;
    write_cr4(read_cr4() | 0x10);
    write_cr3(ODD_TABLES);
    write_cr0(read_cr0() | 0x80000000u);
    value("through the odd directory", AT(HIGH));
    value("walked again, by the even directory", masked(SNIPPET("movl $0x314000, %eax\nmovl %eax, %cr3\nmovl 0x612340, %eax")));
    write_cr3(ODD_TABLES); /* whether masking flushes the TLB is the machine's own business */
    value("walked again, by the odd one", AT(HIGH));
    value("an odd frame, both directories", AT(ODD));
    value("masked", masked(SNIPPET("movl 0x312340, %eax")));
    value("and not", AT(ODD));
    value("accessed bits: even", AT(EVEN_TABLES + 4) & 0xFF);
    value("odd", AT(ODD_TABLES + 4) & 0xFF);
    AT(EVEN_TABLES + 4) = 0x87;
    AT(ODD_TABLES + 4) = 0x400087;
    value("accessed by a masked walk", masked(SNIPPET("movl $0x314000, %eax\nmovl %eax, %cr3\nmovl 0x612340, %eax")));
    value("even", AT(EVEN_TABLES + 4) & 0xFF);
    value("odd", AT(ODD_TABLES + 4) & 0xFF);
    write_cr0(read_cr0() & 0x7FFFFFFFu);
    outb(0x64, 0xDF);
    put("end\n");
    return 0;
}
