/* IN and OUT by the I/O permission map: every size, string instructions, accesses over two bytes of the map, and the order of checks. */
#include "svm.h"

static u32 count = 3; /* of the port strings with REP */

static void port(const char *name, u32 number, u32 closed, u32 ring, const void *code)
{
    guest_begin();
    guest_ring(ring);
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_IOIO;
    if (closed < 0x10004)
        map_close(iopm, closed >> 3, 1 << (closed & 7));
    guest.edx = number;
    guest.ecx = count;
    guest.esi = (u32)iopm + 0x2100;
    guest.edi = (u32)guest_stack;
    guest_run(name, code);
}
#define OPEN 0xFFFFFFFF

int main(void)
{
    const void *in8 = GUEST("inb %dx, %al"), *in16 = GUEST("inw %dx, %ax"), *in32 = GUEST("inl %dx, %eax");
    const void *out8 = GUEST("outb %al, %dx"), *out16 = GUEST("outw %ax, %dx"), *out32 = GUEST("outl %eax, %dx");
    const void *in8i = GUEST("inb $0xED, %al"), *out32i = GUEST("outl %eax, $0xED");
    const void *insb = GUEST("insb"), *outsw = GUEST("outsw"), *rep_insb = GUEST("rep insb"), *rep_outsl = GUEST("rep outsl");
    u32 n;
    put("io\n");
    svm_on();
    for (n = 0; n < 5; n++) {
        put("closed ");
        put_number(0xEC + n);
        newline();
        port(" in8", 0xED, 0xEC + n, 0, in8);
        port(" in16", 0xED, 0xEC + n, 0, in16);
        port(" in32", 0xED, 0xEC + n, 0, in32);
        port(" out8", 0xED, 0xEC + n, 0, out8);
        port(" out16", 0xED, 0xEC + n, 0, out16);
        port(" out32", 0xED, 0xEC + n, 0, out32);
    }
    port("in8, immediate", 0, 0xED, 0, in8i);
    port("out32, immediate", 0, 0xF0, 0, out32i);
    port("insb", 0xED, 0xED, 0, insb);
    port("outsw", 0xED, 0xED, 0, outsw);
    port("rep insb", 0xED, 0xED, 0, rep_insb);
    port("rep outsl", 0xED, 0xED, 0, rep_outsl);
    count = 0;
    port("rep insb, none", 0xED, 0xED, 0, rep_insb);
    port("rep outsl, none", 0xED, 0xED, 0, rep_outsl);
    port("rep insb, none, open", 0xED, OPEN, 0, rep_insb);
    count = 3;
    port("open", 0xED, OPEN, 0, in8);
    port("port FFFF", 0xFFFF, 0xFFFF, 0, in8);
    port("port FFFF, 32 bits, beyond the last port", 0xFFFF, 0x10001, 0, in32);
    port("port 0", 0, 0, 0, out8);
    port("port 7 and 8", 7, 8, 0, in16);
    port("ring 3: #GP first", 0xED, 0xED, 3, in8);
    guest_begin();
    guest_ring(3);
    V32(RFLAGS) = 0x3002;
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_IOIO;
    map_close(iopm, 0xED >> 3, 1 << (0xED & 7));
    guest.edx = 0xED;
    guest_run("ring 3 with IOPL 3", in8);
    guest_begin();
    map_close(iopm, 0xED >> 3, 1 << (0xED & 7));
    guest.edx = 0xED;
    guest_run("intercept clear: the map does not matter", in8);
    guest_begin();
    V32(IOPM_BASE_PA) = (u32)iopm | 0xABC;
    V32(INTERCEPT_GENERAL1) |= INTERCEPT1_IOIO;
    map_close(iopm, 0xED >> 3, 1 << (0xED & 7));
    guest.edx = 0xED;
    guest_run("low bits of the base are ignored", in8);
    put("end\n");
    return 0;
}
