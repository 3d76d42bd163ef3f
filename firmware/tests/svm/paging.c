/* Guests with paging of their own, with tables that the host keeps (shadow tables, filled on #PF exits), and in paged real mode. */
#include "svm.h"

#define SHADOW 0x00A00000u
static u32 *const shadow = (u32 *)SHADOW;         /* directory */
static u32 *const shadow_table = (u32 *)(SHADOW + 0x1000);
static u32 *const shadow_code = (u32 *)(SHADOW + 0x2000);

static void clear_shadow(void) { fill(shadow, 0, 0x3000); }

/* Guest "physical" P lies at machine P, guest linear C00000 to C03FFF map to frames at B00000. */
static u32 handled;

static u32 fill_in(void)
{
    u32 address = V32(EXITINFO2), error = V32(EXITINFO1);
    u32 *table = address >> 22 == 3 ? shadow_table : shadow_code;
    put_field(" fault", address >> 22 == 3 ? address : 1);
    put_field("error", error);
    handled++;
    shadow[address >> 22] = (u32)table | 7;
    if (address >> 22 == 0)
        table[address >> 12 & 1023] = (address & ~0xFFFu) | 7;
    else if (address >> 12 == 0xC00)
        table[0] = 0x00B00000 | 7;
    else if (address >> 12 == 0xC01)
        table[1] = 0x00B01000 | (error & 2 ? 7 : 5);
    else
        return 0;
    return 1;
}

static void shadowed(const char *name, u32 ring, const void *code)
{
    guest_begin();
    guest_ring(ring);
    V32(CR0) = 0x80010011;
    V32(CR3) = SHADOW;
    V32(INTERCEPT_EXCEPTIONS) = 1 << 14;
    V32(RIP) = (u32)code;
    V32(CR2) = 0x77;
    clear_shadow();
    guest_vector = ~0u;
    put(name);
    for (handled = 0; handled < 40;) {
        guest_enter();
        if (V32(EXITCODE) != EXIT_EXCEPTION + 14 || !fill_in())
            break;
    }
    newline();
    guest_show = SHOW_EAX | SHOW_EBX;
    guest_line(" then", code);
    put_field("  cr2", V32(CR2));
    put_field("pte0", shadow_table[0] & 0xFFF);
    put_field("pte1", shadow_table[1] & 0xFFF);
    newline();
}

__asm__(".text\n.globl real_code, real_code_end\nreal_code:\n.code16\n"
        " movw $0x1234, 0x10\n movw 0x10, %ax\n movl %cr0, %ebx\n movw %cs, %cx\n vmmcall\n"
        "real_write: movw $0x5678, 0x1010\n movw 0x1010, %ax\n int $0x21\n vmmcall\n"
        "real_pe: movl %cr0, %eax\n orl $1, %eax\n movl %eax, %cr0\n vmmcall\nreal_code_end:\n.code32\n");
extern u8 real_code[], real_code_end[];

static void real_mode(void)
{
    u32 n, size = (u32)(real_code_end - real_code);
    volatile u8 *code = (u8 *)0x00B10000;
    u32 *d = shadow, *t = shadow_code;
    put("paged real mode\n");
    for (n = 0; n < size; n++)
        code[n] = real_code[n];
    clear_shadow();
    fill((void *)0x00B11000, 0, 0x4000);
    *(volatile u16 *)(0x00B13000 + 4 * 0x21) = 0x0100; /* the interrupt table: INT 21h at 800:100 */
    *(volatile u16 *)(0x00B13000 + 4 * 0x21 + 2) = 0x0800;
    *(volatile u8 *)(0x00B10100) = 0x0F; /* vmmcall */
    *(volatile u8 *)(0x00B10101) = 0x01;
    *(volatile u8 *)(0x00B10102) = 0xD9;
    d[0] = (u32)t | 7;
    t[8] = 0x00B10000 | 7;  /* 8000: code */
    t[9] = 0x00B11000 | 7;  /* 9000: data */
    t[7] = 0x00B12000 | 7;  /* 7000: stack */
    guest_begin();
    V32(CR0) = 0x80000010;
    V32(CR3) = SHADOW;
    V32(INTERCEPT_EXCEPTIONS) = 1 << 14;
    V16(CS_SELECTOR) = 0x800, V32(CS_BASE) = 0x8000, V32(CS_LIMIT) = 0xFFFF, V16(CS_ATTRIB) = 0x9B;
    V16(DS_SELECTOR) = 0x900, V32(DS_BASE) = 0x9000, V32(DS_LIMIT) = 0xFFFF, V16(DS_ATTRIB) = 0x93;
    V16(ES_SELECTOR) = 0x900, V32(ES_BASE) = 0x9000, V32(ES_LIMIT) = 0xFFFF, V16(ES_ATTRIB) = 0x93;
    V16(SS_SELECTOR) = 0x700, V32(SS_BASE) = 0x7000, V32(SS_LIMIT) = 0xFFFF, V16(SS_ATTRIB) = 0x93;
    V32(IDTR_BASE) = 0, V32(IDTR_LIMIT) = 0x3FF;
    V32(RSP) = 0x800;
    V32(RIP) = 0;
    guest_show = SHOW_EAX | SHOW_EBX | SHOW_ECX;
    guest_enter();
    guest_line("first", 0);
    put_field("  written", *(volatile u16 *)0x00B11010);
    put_field("pte", t[9] & 0xFFF);
    newline();
    V32(RIP) += 3;
    guest_enter();
    guest_line("a page that is missing", 0);
    t[10] = 0x00B14000 | 7;
    guest_enter();
    guest_line("the interrupt table is missing", 0);
    t[0] = 0x00B13000 | 5;
    guest_enter();
    guest_line("int 21h", 0);
    put_field("  ip", *(volatile u16 *)(0x00B12800 - 6));
    put_field("cs", *(volatile u16 *)(0x00B12800 - 4));
    put_field("written", *(volatile u16 *)0x00B14010);
    newline();
    V32(RIP) = (u32)real_code_end - (u32)real_code - 3 - 3 - 4 - 3;
    V16(INTERCEPT_CR_WRITE) = 1;
    guest_enter();
    guest_line("mov to cr0", 0);
}

int main(void)
{
    put("paging\n");
    svm_on();
    put("its own tables\n");
    identity_map();
    PTE(0xC00000) = 0x00B00000 | 7;
    *(volatile u32 *)0x00B00010 = 0xABCD;
    guest_begin();
    guest_show = SHOW_EAX;
    guest_run("turns paging on", GUEST("movl $page_directory_view, %eax\nmovl (%eax), %eax\nmovl %eax, %cr3\nmovl %cr0, %eax\norl $0x80000000, %eax\nmovl %eax, %cr0\nmovl 0xC00010, %eax"));
    value("accessed", PTE(0xC00000) & 0xFFF);
    put("shadow tables\n");
    *(volatile u32 *)0x00B00000 = 0x1111;
    *(volatile u32 *)0x00B01000 = 0x2222;
    shadowed("read", 0, GUEST("movl 0xC00000, %eax"));
    shadowed("write", 0, GUEST("movl $5, 0xC01000\nmovl 0xC01000, %eax"));
    shadowed("read, then write: twice for one page", 0, GUEST("movl 0xC01000, %eax\nmovl $6, 0xC01000\nmovl 0xC01000, %ebx"));
    shadowed("ring 3", 3, GUEST("movl 0xC01000, %eax\nmovl $7, 0xC01000"));
    shadowed("not mapped", 0, GUEST("movl 0xC05000, %eax"));
    shadowed("an exception finds its tables missing", 3, GUEST("movl 0xC00000, %eax\nint $0x41"));
    shadowed("over two pages", 0, GUEST("movl $0x12345678, 0xC00FFE\nmovl 0xC00FFE, %eax"));
    real_mode();
    put("end\n");
    return 0;
}

u32 *const page_directory_view = page_directory;
