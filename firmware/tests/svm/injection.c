/* EVENTINJ: each type, with and without an error code, delivery that faults, and what is illegal. */
#include "svm.h"

static void inject(const char *name, u32 event, u32 code, u32 intercepts, u32 ring)
{
    guest_begin();
    guest_ring(ring);
    V32(EVENTINJ) = event;
    V32H(EVENTINJ) = code;
    V32(INTERCEPT_EXCEPTIONS) = intercepts;
    V32(RFLAGS) = 0x202;
    guest_run(name, GUEST("incl %eax"));
}

int main(void)
{
    u32 n;
    put("injection\n");
    svm_on();
    for (n = 8; n < 15; n++)
        if (n != 9)
            inject("exception with an error code", EVENT(EXCEPTION, n) | EVENT_ERROR_VALID, 0x1230 + n, 0, 0);
    inject("exception with an error code, ring 3", EVENT(EXCEPTION, 13) | EVENT_ERROR_VALID, 0x1234, 0, 3);
    inject("#DE", EVENT(EXCEPTION, 0), 0, 0, 0);
    inject("#UD", EVENT(EXCEPTION, 6), 0, 0, 0);
    inject("#UD, ring 3", EVENT(EXCEPTION, 6), 0, 0, 3);
    inject("an injected exception is not intercepted", EVENT(EXCEPTION, 6), 0, 1 << 6, 0);
    inject("NMI", EVENT(NMI, 2), 0, 0, 0);
    inject("NMI, the vector is ignored", EVENT(NMI, 77), 0, 0, 0);
    inject("interrupt", EVENT(INTR, 0x55), 0, 0, 0);
    inject("interrupt, ring 3", EVENT(INTR, 0x55), 0, 0, 3);
    inject("interrupt below 32", EVENT(INTR, 9), 0, 0, 0);
    inject("V clear: nothing", EVENT(INTR, 0x55) & ~EVENT_VALID, 0, 0, 0);
    guest_begin();
    V32(EVENTINJ) = EVENT(INTR, 0x55);
    guest_run("interrupt although IF is 0", GUEST("incl %eax"));
    put("faults in the delivery\n");
    guest_idt[0x55][1] &= ~0x8000u;
    inject("gate closed, #NP intercepted", EVENT(INTR, 0x55), 0, 1 << 11, 0);
    inject("gate closed, not intercepted", EVENT(INTR, 0x55), 0, 0, 0);
    guest_idt[0x55][1] |= 0x8000u;
    guest_idt[6][1] &= ~0x8000u;
    inject("#UD, gate closed, #NP intercepted", EVENT(EXCEPTION, 6), 0, 1 << 11, 0);
    guest_idt[6][1] |= 0x8000u;
    guest_idt[13][1] &= ~0x8000u;
    inject("#GP, gate closed, #NP intercepted", EVENT(EXCEPTION, 13) | EVENT_ERROR_VALID, 0x88, 1 << 11, 0);
    guest_idt[13][1] |= 0x8000u;
    guest_begin();
    identity_map();
    PTE((u32)guest_stack) &= ~(u32)PTE_P;
    V32(CR0) = 0x80000011;
    V32(CR3) = (u32)page_directory;
    V32(INTERCEPT_EXCEPTIONS) = 1 << 14;
    V32(EVENTINJ) = EVENT(INTR, 0x66);
    guest_run("no stack page, #PF intercepted", GUEST("incl %eax"));
    PTE((u32)guest_stack) |= PTE_P;
    V32(EVENTINJ) = V32(EXITINTINFO);
    V32H(EVENTINJ) = V32H(EXITINTINFO);
    V32(EXITINTINFO) = 0;
    guest_enter();
    guest_line("the same event again, with the page", GUEST("incl %eax") + 0);
    put("illegal\n");
    inject("type 1", EVENT_VALID | 1 << 8 | 0x55, 0, 0, 0);
    inject("type 5", EVENT_VALID | 5 << 8 | 0x55, 0, 0, 0);
    inject("type 7", EVENT_VALID | 7 << 8 | 0x55, 0, 0, 0);
    inject("exception 2", EVENT(EXCEPTION, 2), 0, 0, 0);
    inject("exception 31", EVENT(EXCEPTION, 31), 0, 0, 0);
    inject("exception 33", EVENT(EXCEPTION, 33), 0, 0, 0);
    put("end\n");
    return 0;
}
