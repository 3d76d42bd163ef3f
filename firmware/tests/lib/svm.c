/* See svm.h. */
#include "svm.h"

u8 vmcb[4096] __attribute__((aligned(4096)));
u8 host_vmcb[4096] __attribute__((aligned(4096)));
u8 hsave[4096] __attribute__((aligned(4096)));
u8 iopm[IOPM_SIZE] __attribute__((aligned(4096)));
u8 msrpm[MSRPM_SIZE] __attribute__((aligned(4096)));
u8 guest_stack[4096] __attribute__((aligned(4096)));
u32 guest_idt[256][2] __attribute__((aligned(8)));
struct guest_registers guest;
struct tss guest_tss __attribute__((aligned(8))) = {.bitmap = BITMAP_CLOSED};
u32 guest_vector, guest_show, guest_exits, maps_used;
static u8 *closed[8]; /* bytes of the maps */
static u32 closed_count;
extern char guest_stubs[], guest_stubs_end[];

#define PRINTED_FLAGS 0x00027700
#define SEL_GUEST_TSS (SEL_TEST(TEST_SELECTORS - 1))

static void segment(u32 offset, u32 selector, u32 attributes, u32 limit, u32 base)
{
    *(u16 *)(vmcb + offset + VMCB_SEGMENT_SELECTOR) = (u16)selector;
    *(u16 *)(vmcb + offset + VMCB_SEGMENT_ATTRIB) = (u16)attributes;
    *(u32 *)(vmcb + offset + VMCB_SEGMENT_LIMIT) = limit;
    *(u32 *)(vmcb + offset + VMCB_SEGMENT_BASE) = base;
}

#define SEGMENT(name, ...) segment(VMCB_##name##_SELECTOR, __VA_ARGS__)

void svm_on(void)
{
    u32 n;
    __asm__ volatile("wrmsr" : : "a"(EFER_SVME), "d"(0), "c"(MSR_EFER));
    __asm__ volatile("wrmsr" : : "a"(hsave), "d"(0), "c"(MSR_VM_HSAVE_PA));
    __asm__ volatile("vmsave" : : "a"(host_vmcb) : "memory");
    set_stubs(guest_idt, (u32)guest_stubs, ACC(3, T_INT32));
    for (n = 0; n < __builtin_offsetof(struct tss, bitmap); n++)
        ((u8 *)&guest_tss)[n] = ((u8 *)&tss)[n];
    guest_tss.esp0 = GUEST_ESP - 2048;
    set_segment(SEL_GUEST_TSS, (u32)&guest_tss, sizeof guest_tss - 1, ACC(0, T_TSS32_BUSY), 0);
}

void guest_ring(u32 ring)
{
    V8(CPL) = (u8)ring;
    SEGMENT(CS, SEL_CODE(ring), 0xC9B | ring << 5, 0xFFFFFFFF, 0);
    SEGMENT(SS, SEL_DATA(ring), 0xC93 | ring << 5, 0xFFFFFFFF, 0);
    SEGMENT(DS, SEL_DATA(ring), 0xC93 | ring << 5, 0xFFFFFFFF, 0);
    SEGMENT(ES, SEL_DATA(ring), 0xC93 | ring << 5, 0xFFFFFFFF, 0);
}

void map_close(u8 *map, u32 byte, u32 bits)
{
    map[byte] |= (u8)bits;
    closed[closed_count++] = map + byte;
}

void guest_begin(void)
{
    while (closed_count)
        *closed[--closed_count] = 0;
    fill(vmcb, 0, 0x100); /* what VMRUN reads */
    fill(vmcb + VMCB_ES_SELECTOR, 0, 0x280);
    if (maps_used) {
        fill(iopm, 0, IOPM_SIZE);
        fill(msrpm, 0, MSRPM_SIZE);
        maps_used = 0;
    }
    V32(INTERCEPT_GENERAL1) = INTERCEPT1_SHUTDOWN;
    V32(INTERCEPT_GENERAL2) = INTERCEPT2_VMRUN | INTERCEPT2_VMMCALL;
    V32(IOPM_BASE_PA) = (u32)iopm;
    V32(MSRPM_BASE_PA) = (u32)msrpm;
    V32(ASID) = 1;
    V8(TLB_CONTROL) = TLB_ALL; /* the tests change tables at will */
    guest_ring(0);
    SEGMENT(GDTR, 0, 0, 128 * 8 - 1, (u32)gdt);
    SEGMENT(IDTR, 0, 0, 256 * 8 - 1, (u32)guest_idt);
    SEGMENT(LDTR, 0, 0x82, 0, 0);
    SEGMENT(TR, SEL_GUEST_TSS, 0x89, /* QEMU takes no busy one */ sizeof guest_tss - 1, (u32)&guest_tss);
    V32(EFER) = EFER_SVME;
    V32(CR0) = 0x11;
    V32(RFLAGS) = 2;
    V32(RSP) = GUEST_ESP;
    V32(DR6) = 0xFFFF0FF0;
    V32(DR7) = 0x400;
    fill(&guest, 0, sizeof guest);
    guest_show = 0;
}

void put_v(const char *name, u32 got, u32 usual)
{
    if (got != usual)
        put_field(name, got);
}

static void put_segment(const char *name, u32 offset, u32 selector)
{
    if (*(u16 *)(vmcb + offset) != selector) {
        put_field(name, *(u16 *)(vmcb + offset));
        put_field("base", *(u32 *)(vmcb + offset + VMCB_SEGMENT_BASE));
        put_field("limit", *(u32 *)(vmcb + offset + VMCB_SEGMENT_LIMIT));
    }
}

void guest_line(const char *name, const void *code)
{
    u32 ring = V8(CPL), rip = V32(RIP), *stack = (u32 *)V32(RSP);
    put(name);
    putchar(':');
    put_field("exit", V32(EXITCODE));
    if (V32(EXITCODE) == EXIT_INVALID || V32(EXITCODE) == EXIT_SHUTDOWN) { /* the rest is undefined */
        newline();
        return;
    }
    if (V32(EXITCODE) == EXIT_IOIO) { /* QEMU does not give address size and segment */
        V32(EXITINFO1) &= ~0x1F80u;
        V32(EXITINFO2) -= (u32)code;
    }
    put_v("info1", V32(EXITINFO1), 0);
    put_v("info1h", V32H(EXITINFO1), 0);
    put_v("info2", V32(EXITINFO2), 0);
    if (V32(EXITINTINFO) & EVENT_VALID) {
        put_field("delivering", V32(EXITINTINFO));
        put_v("code", V32(EXITINTINFO) & EVENT_ERROR_VALID ? V32H(EXITINTINFO) : 0, 0);
    }
    if (rip >= (u32)guest_stubs && rip < (u32)guest_stubs_end) {
        u32 error = guest_vector == 8 || (guest_vector >= 10 && guest_vector <= 14) || guest_vector == 17 || guest_vector == 30;
        put_field("took", guest_vector);
        if (error)
            put_v("error", *stack++, 0);
        put_v("at", stack[0] - (u32)code, 0);
        put_v("fromcs", stack[1] & 0xFFFF, SEL_CODE(0));
        put_v("fromflags", stack[2] & PRINTED_FLAGS, 0);
        put_v("down", GUEST_ESP - (u32)stack, 12);
        if (guest_vector == 14)
            put_v("cr2", V32(CR2), 0);
    } else {
        put_v("rip", rip - (u32)code, 0);
        put_v("down", GUEST_ESP - V32(RSP), 0);
    }
    put_v("cpl", ring, 0);
    put_v("flags", V32(RFLAGS) & PRINTED_FLAGS, 0);
    put_v("cr0", V32(CR0), 0x11);
    put_v("cr4", V32(CR4), 0);
    put_segment("cs", VMCB_CS_SELECTOR, SEL_CODE(ring));
    put_segment("ss", VMCB_SS_SELECTOR, SEL_DATA(ring));
    put_v("shadow", V32(INTERRUPT_SHADOW) & 1, 0);
    put_v("injection", V32(EVENTINJ) & EVENT_VALID, 0);
    put_v("virq", V32(INT_CONTROL) & INT_CONTROL_V_IRQ, 0);
    if (guest_show & SHOW_EAX)
        put_field("eax", V32(RAX));
    if (guest_show & SHOW_EBX)
        put_field("ebx", guest.ebx);
    if (guest_show & SHOW_ECX)
        put_field("ecx", guest.ecx);
    if (guest_show & SHOW_EDX)
        put_field("edx", guest.edx);
    newline();
}

void guest_run(const char *name, const void *code)
{
    V32(RIP) = (u32)code;
    guest_vector = ~0u;
    guest_exits++;
    guest_enter();
    guest_line(name, code);
}
