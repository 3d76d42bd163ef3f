/* What QEMU lets pass: LOCK where it is not allowed, reserved bits of control registers and MSRs, error codes of read-modify-write. */
#include "check.h"

static u8 code[32] __attribute__((section(".data"))) = {0};

static void bytes(const char *name, u32 vector, u32 count, const u8 *what)
{
    u32 n;
    for (n = 0; n < count; n++)
        code[n] = what[n];
    code[count] = 0xC3;
    __asm__ volatile("jmp 1f\n1:" : : : "memory");
    expect(name, code, 0, 0, 0, vector, 0);
}
#define BYTES(name, vector, ...) bytes(name, vector, sizeof((u8[]){__VA_ARGS__}), (const u8[]){__VA_ARGS__})

int main(void)
{
    put("reserved\n");
    put("lock\n");
    BYTES("mul", 6, 0xF0, 0xF7, 0x64, 0x24, 0xF8);
    BYTES("push memory", 6, 0xF0, 0xFF, 0x74, 0x24, 0xF8);
    BYTES("mov", 6, 0xF0, 0x89, 0x44, 0x24, 0xF8);
    BYTES("mov from memory", 6, 0xF0, 0x8B, 0x44, 0x24, 0xF8);
    BYTES("xchg registers", 6, 0xF0, 0x87, 0xC0);
    BYTES("test", 6, 0xF0, 0x85, 0x44, 0x24, 0xF8);
    BYTES("shl", 6, 0xF0, 0xD1, 0x64, 0x24, 0xF8);
    BYTES("bt", 6, 0xF0, 0x0F, 0xA3, 0x44, 0x24, 0xF8);
    BYTES("bts register", 6, 0xF0, 0x0F, 0xAB, 0xC0);
    BYTES("bt immediate", 6, 0xF0, 0x0F, 0xBA, 0x64, 0x24, 0xF8, 1);
    BYTES("btc immediate, register", 6, 0xF0, 0x0F, 0xBA, 0xF8, 1);
    BYTES("cmpxchg register", 6, 0xF0, 0x0F, 0xB1, 0xC0);
    BYTES("nop", 6, 0xF0, 0x90);
    BYTES("movsb", 6, 0xF0, 0xA4);
    BYTES("cli", 6, 0xF0, 0xFA);
    BYTES("jmp", 6, 0xF0, 0xEB, 0x00);
    BYTES("cpuid", 6, 0xF0, 0x0F, 0xA2);
    put("control registers\n");
    expect("VME without virtual-8086 mode", SNIPPET("movl %eax, %cr4"), 0, 1, 0, 13, 0);
    expect("PG without PE", SNIPPET("movl %eax, %cr0"), 0, 0x80000010, 0, 13, 0);
    expect("NW without CD", SNIPPET("movl %eax, %cr0"), 0, 0x20000011, 0, 13, 0);
    expect("cr4 bit 31", SNIPPET("movl %eax, %cr4"), 0, 0x80000000, 0, 13, 0);
    expect("cr4 bit 11", SNIPPET("movl %eax, %cr4"), 0, 0x00000800, 0, 13, 0);
    check_value("cr4", read_cr4(), 0);
    check_value("cr0", read_cr0(), 0x11);
    expect("rdmsr", SNIPPET("rdmsr"), 0, 0, 0x12345, 13, 0);
    expect("wrmsr", SNIPPET("xorl %edx, %edx\nwrmsr"), 0, 0, 0x12345, 13, 0);
    expect("reserved bits of efer", SNIPPET("xorl %edx, %edx\nwrmsr"), 0, 0x2, MSR_EFER, 13, 0);
    expect("the high half of efer", SNIPPET("movl $1, %edx\nwrmsr"), 0, 0, MSR_EFER, 13, 0);
    expect("ltr null", SNIPPET("ltr %ax"), 0, 0, 0, 13, 0);
    put("read-modify-write faults as a write\n");
    identity_map();
    PTE(0xC00000) = 0;
    PTE(0xC01000) = 0xC01000 | PTE_P | PTE_W;
    PTE(0xC02000) = 0xC02000 | PTE_P | PTE_U;
    paging_on();
    expect("not present", SNIPPET("addl $1, (%ecx)"), 0, 0, 0xC00000, 14, 2);
    expect("not present, ring 3", SNIPPET("incb (%ecx)"), 3, 0, 0xC00000, 14, 6);
    expect("supervisor page, ring 3", SNIPPET("notl (%ecx)"), 3, 0, 0xC01000, 14, 7);
    expect("read-only, ring 3", SNIPPET("xchgl %eax, (%ecx)"), 3, 0, 0xC02000, 14, 7);
    expect("cmpxchg, not equal", SNIPPET("cmpxchgl %ecx, (%ecx)"), 0, 0, 0xC00000, 14, 2);
    expect("cmpxchg8b", SNIPPET("cmpxchg8b (%ecx)"), 0, 0, 0xC00000, 14, 2);
    expect("bts", SNIPPET("btsl $1, (%ecx)"), 0, 0, 0xC00000, 14, 2);
    expect("shl", SNIPPET("shll $1, (%ecx)"), 0, 0, 0xC00000, 14, 2);
    expect("neg", SNIPPET("negl (%ecx)"), 0, 0, 0xC00000, 14, 2);
    expect("bt reads", SNIPPET("btl $1, (%ecx)"), 0, 0, 0xC00000, 14, 0);
    expect("cmp reads", SNIPPET("cmpl $1, (%ecx)"), 0, 0, 0xC00000, 14, 0);
    expect("test reads", SNIPPET("testl $1, (%ecx)"), 0, 0, 0xC00000, 14, 0);
    write_cr0(read_cr0() & ~CR0_PG);
    return conclude();
}
