/* #AC under ring -1: intercepted, injected, raised while something else is delivered to ring 3, and not at all outside ring 3. */
#include "../manual/check.h"
#include "svm.h"

#define AC 17
#define CR0_AM 0x40000
#define FLAG_AC 0x40000
#define VECTOR_RING3 0x90
#define EXIT_AC (EXIT_EXCEPTION + AC)

static u32 area[4] = {0x11223344, 0x55667788};

/* A guest in `ring` with AM and AC set, and EBX an odd address. */
static void begin(u32 ring, u32 intercepted)
{
    guest_begin();
    guest_ring(ring);
    V32(CR0) |= CR0_AM;
    V32(RFLAGS) |= FLAG_AC;
    V32(INTERCEPT_EXCEPTIONS) = intercepted << AC;
    guest.ebx = (u32)area + 1;
}

static void go(const void *code)
{
    V32(RIP) = (u32)code;
    guest_vector = NONE;
    guest_enter();
}

static void expect_exit(const char *name, const void *code, u32 exit, u32 rip, u32 delivering)
{
    checked++;
    if (V32(EXITCODE) == exit && V32(EXITINFO1) == 0 && V32(EXITINFO2) == 0 && V32(RIP) - (u32)code == rip &&
        (V32(EXITINTINFO) & EVENT_VALID ? V32(EXITINTINFO) : 0) == delivering)
        return;
    wrong++;
    put("WRONG, expected");
    put_field("exit", exit);
    put_field("rip", rip);
    put_field("delivering", delivering);
    put(": ");
    guest_line(name, code);
}

static void intercept(void)
{
    const void *load = GUEST("nop\nmovl (%ebx), %eax");
    put("intercept\n");
    begin(3, 1);
    V32(CR2) = 0x1234;
    go(load);
    expect_exit("load", load, EXIT_AC, 1, 0);
    check_value("no next RIP", V32(NRIP), 0);
    check_value("CR2 stays", V32(CR2), 0x1234);
    check_value("EAX stays", V32(RAX), 0);
    begin(3, 0);
    V32(INTERCEPT_EXCEPTIONS) = ~(1u << AC);
    go(load);
    expect_exit("all other bits do not catch it", (void *)V32(RIP), EXIT_VMMCALL, 0, 0);
    check_value("taken by the guest", guest_vector, AC);
    check_value("its error code", *(u32 *)V32(RSP), 0);
    check_value("where", ((u32 *)V32(RSP))[1] - (u32)load, 1);
    begin(3, 1);
    V32(RFLAGS) = 2;
    go(load);
    expect_exit("AC clear", load, EXIT_VMMCALL, 3, 0);
    check_value("loaded", V32(RAX), 0x88112233);
    begin(3, 1);
    V32(CR0) &= ~CR0_AM;
    go(load);
    expect_exit("AM clear", load, EXIT_VMMCALL, 3, 0);
    begin(0, 1);
    go(load);
    expect_exit("ring 0", load, EXIT_VMMCALL, 3, 0);
    begin(3, 1);
    V32(CR0) = 0x10 | CR0_AM; /* real mode has CPL 0, whatever the VMCB says; the segments stay as wide as they are */
    go(load);
    expect_exit("real mode", load, EXIT_VMMCALL, 3, 0);
}

static void injection(void)
{
    const void *nop = GUEST("nop");
    put("injection\n");
    begin(3, 1);
    V32(EVENTINJ) = EVENT(EXCEPTION, AC) | EVENT_ERROR_VALID;
    go(nop);
    expect_exit("is not intercepted", (void *)V32(RIP), EXIT_VMMCALL, 0, 0);
    check_value("taken", guest_vector, AC);
    check_value("error code", *(u32 *)V32(RSP), 0);
    check_value("where", ((u32 *)V32(RSP))[1], (u32)nop);
}

/* Gates to ring 3 push onto the guest's own stack. With the handler of #AC there too a processor never comes to an end, but for the exits. */
static void deliveries(void)
{
    const void *soft = GUEST("int $0x90"), *load = GUEST("movl (%ebx), %eax"), *handler = GUEST("nop");
    u32 n;
    put("deliveries\n");
    set_gate(guest_idt, VECTOR_RING3, SEL_CODE(3), (u32)handler, ACC(3, T_INT32), 0);
    set_gate(guest_idt, AC, SEL_CODE(3), (u32)handler, ACC(3, T_INT32), 0);
    begin(3, 1);
    go(soft);
    expect_exit("an aligned stack", handler, EXIT_VMMCALL, 1, 0);
    begin(3, 1);
    V32(RSP) = GUEST_ESP - 2;
    go(soft);
    expect_exit("INT n", soft, EXIT_AC, 0, EVENT(SOFTWARE, VECTOR_RING3));
    check_value("ESP stays", V32(RSP), GUEST_ESP - 2);
    begin(3, 1);
    V32(RSP) = GUEST_ESP - 2;
    go(load);
    expect_exit("the first #AC", load, EXIT_AC, 0, 0);
    for (n = 0; n < 3; n++) {
        V32(EVENTINJ) = EVENT(EXCEPTION, AC) | EVENT_ERROR_VALID;
        go(load);
        expect_exit("its delivery", load, EXIT_AC, 0, EVENT(EXCEPTION, AC) | EVENT_ERROR_VALID);
    }
    V32(EVENTINJ) = EVENT(INTR, VECTOR_RING3);
    go(load);
    expect_exit("an interrupt", load, EXIT_AC, 0, EVENT(INTR, VECTOR_RING3));
}

int main(void)
{
    put("alignment\n");
    svm_on();
    intercept();
    injection();
    deliveries();
    return conclude();
}
