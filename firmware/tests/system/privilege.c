/* What each ring may do: privileged instructions, IOPL, the I/O permission bitmap, and how POPF, CLI, STI and IRET treat IF and IOPL. */
#include "rt.h"

static void everywhere(const char *name, const void *code)
{
    u32 ring;
    for (ring = 0; ring < 4; ring++) {
        put(name);
        put(" ring ");
        put_number(ring);
        run("", code, ring, 0, 0x10, 0, 0);
    }
}

static void ports(const char *name, const void *code, u32 port)
{
    run(name, code, 3, 0, 0, port, 0);
}

static void bitmap(void)
{
    const void *in8 = SNIPPET("inb %dx, %al\nxorl %eax, %eax"), *in16 = SNIPPET("inw %dx, %ax\nxorl %eax, %eax");
    const void *in32 = SNIPPET("inl %dx, %eax\nxorl %eax, %eax"), *out8 = SNIPPET("outb %al, %dx");
    const void *insb = SNIPPET("subl $4, %esp\nmovl %esp, %edi\ninsb\naddl $4, %esp");
    put("bitmap\n");
    tss.bitmap[0xE8 / 8] = 0x0F; /* E8 to EB closed, EC to EF open */
    tss.bitmap[0xF0 / 8] = 0xFE; /* F0 open */
    tss.bitmap[0x80 / 8] = 0;
    ports("in8 open", in8, 0xEC);
    ports("in8 closed", in8, 0xEB);
    ports("in16 open", in16, 0xEC);
    ports("in16 half", in16, 0xEB);
    ports("in16 over a byte of the map, open", in16, 0xEF);
    ports("in32 open", in32, 0xEC);
    ports("in32 over a byte, open", in32, 0xED);
    ports("in32 over a byte, closed at its end", in32, 0xEE);
    ports("out8 open", out8, 0x80);
    ports("out8 closed", out8, 0x90);
    ports("insb open", insb, 0xEC);
    ports("insb closed", insb, 0xEB);
    ports("rep insb of nothing, open", SNIPPET("rep insb"), 0xEC);
    ports("rep insb of nothing, closed", SNIPPET("rep insb"), 0xEB);
    ports("rep outsw of nothing, open", SNIPPET("rep outsw"), 0xEC);
    ports("rep outsw of nothing, closed", SNIPPET("rep outsw"), 0xEB);
    ports("beyond the tss", in8, 0xFFFF);
    tss.bitmap[8191] = 0;
    ports("port FFFF open", in8, 0xFFFF);
    tss.iomap = 0xFFFF;
    ports("no map", in8, 0xEC);
    tss.iomap = 104;
    set_segment(SEL_TEST(0), (u32)&tss, 104 + 0xEC / 8, ACC(0, T_TSS32), 0); /* the byte behind EC's is beyond the limit */
    __asm__ volatile("ltr %w0" : : "r"(SEL_TEST(0)));
    ports("map cut short", in8, 0xEC);
    set_segment(SEL_TEST(0), (u32)&tss, 104 + 0xEC / 8 + 1, ACC(0, T_TSS32), 0);
    __asm__ volatile("ltr %w0" : : "r"(SEL_TEST(0)));
    ports("map just long enough", in8, 0xEC);
    snippet_flags = 0x3002;
    ports("IOPL 3 needs no map", in8, 0xEB);
    snippet_flags = 2;
    run("ring 2 with IOPL 0 uses the map", in8, 2, 0, 0, 0xEB, 0);
    snippet_flags = 0x2002;
    run("ring 2 with IOPL 2", in8, 2, 0, 0, 0xEB, 0);
    snippet_flags = 2;
}

static void flags(void)
{
    const void *cli = SNIPPET("cli"), *sti = SNIPPET("sti");
    const void *popf = SNIPPET("movl $0x244ed7, %eax\npushl %eax\npopfl\npushfl\npopl %eax\nandl $0x277700, %eax\npushl $2\npopfl");
    const void *popf0 = SNIPPET("pushl $2\npopfl\npushfl\npopl %eax\nandl $0x277700, %eax");
    const void *popf16 = SNIPPET("pushw $0x7ed7\npopfw\npushfl\npopl %eax\nandl $0x277700, %eax\npushl $2\npopfl");
    u32 ring, iopl;
    put("flags\n");
    for (iopl = 0; iopl < 4; iopl++)
        for (ring = 0; ring < 4; ring++) {
            put("iopl ");
            put_number(iopl);
            put(" ring ");
            put_number(ring);
            newline();
            show = SHOW_FLAGS;
            snippet_flags = 0x202 | iopl << 12;
            run(" cli", cli, ring, 0, 0, 0, 0);
            snippet_flags = 0x002 | iopl << 12;
            run(" sti", sti, ring, 0, 0, 0, 0);
            show = SHOW_EAX;
            run(" popf all", popf, ring, 0, 0, 0, 0);
            snippet_flags = 0x202 | iopl << 12;
            run(" popf none", popf0, ring, 0, 0, 0, 0);
            snippet_flags = 0x002 | iopl << 12;
            run(" popfw", popf16, ring, 0, 0, 0, 0);
        }
    snippet_flags = 2;
    show = 0;
}

static u32 sink;

static u32 ignore_interrupts(struct frame *f)
{
    if (f->vector < 0x20 || f->vector == VECTOR_RETURN)
        return 0;
    sink++;
    return 1;
}

int main(void)
{
    u32 n;
    put("privilege\n");
    outb(PORT_PIC_MASTER + 1, 0xFF); /* nothing may interrupt */
    outb(PORT_PIC_SLAVE + 1, 0xFF);
    trap_hook = ignore_interrupts;
    everywhere("hlt", SNIPPET("testb $3, %al\nmovl %cs, %eax\ntestb $3, %al\njz 1f\nhlt\n1:"));
    everywhere("mov from cr0", SNIPPET("movl %cr0, %eax"));
    everywhere("mov to cr3", SNIPPET("movl %cs, %eax\ntestb $3, %al\njz 1f\nmovl %eax, %cr3\n1:"));
    everywhere("clts", SNIPPET("clts"));
    everywhere("invd", SNIPPET("invd"));
    everywhere("wbinvd", SNIPPET("wbinvd"));
    everywhere("invlpg", SNIPPET("invlpg (%esp)"));
    everywhere("rdmsr", SNIPPET("rdmsr"));
    everywhere("wrmsr", SNIPPET("movl %cs, %eax\ntestb $3, %al\njz 1f\nwrmsr\n1:"));
    everywhere("rdtsc", SNIPPET("rdtsc"));
    everywhere("cpuid", SNIPPET("cpuid"));
    everywhere("mov from cr2", SNIPPET("movl %cr2, %eax"));
    everywhere("in", SNIPPET("inb $0x61, %al"));
    everywhere("out", SNIPPET("outb %al, $0x80"));
    everywhere("insb", SNIPPET("subl $4, %esp\nmovl %esp, %edi\nmovw $0x61, %dx\ninsb\naddl $4, %esp"));
    bitmap();
    flags();
    for (n = 0; n < 4; n++) {
        put("iret to ring 3 with iopl ");
        put_number(n);
        show = SHOW_EAX;
        snippet_flags = 0x202 | n << 12;
        run("", SNIPPET("pushfl\npopl %eax\nandl $0x3200, %eax"), 3, 0, 0, 0, 0);
    }
    snippet_flags = 2;
    value("interrupts", sink);
    put("end\n");
    return 0;
}
