/* ICEBP and ring -1: its own intercept catches it before anything else; the intercept of #DB does not see it (AMD64 APM vol. 2, 15.12 and
 * 15.8), and the guest's handler returns behind it.
 */
#include "../manual/check.h"
#include "svm.h"

#define VECTOR_DB 1
#define ICEBP ".byte 0xF1"
#define ICEBP_LENGTH 1

static const void *enter(const void *code)
{
    V32(RIP) = (u32)code;
    guest_vector = ~0u;
    guest_enter();
    return code;
}

int main(void)
{
    const void *code = GUEST(ICEBP);
    put("icebp\n");
    svm_on();

    guest_begin();
    V32(INTERCEPT_GENERAL2) |= INTERCEPT2_ICEBP;
    enter(code);
    check_value("its own intercept", V32(EXITCODE), EXIT_ICEBP);
    check_value("is before the instruction", V32(RIP), (u32)code);
    check_value("and knows the next one", V32(NRIP), (u32)code + ICEBP_LENGTH);

    guest_begin();
    V32(INTERCEPT_EXCEPTIONS) = 1u << VECTOR_DB;
    enter(code);
    check_value("the intercept of #DB lets it pass", V32(EXITCODE), EXIT_VMMCALL);
    check_value("so the guest takes it", guest_vector, VECTOR_DB);
    check_value("and returns behind it", *(u32 *)V32(RSP), (u32)code + ICEBP_LENGTH);

    guest_begin();
    V32(INTERCEPT_EXCEPTIONS) = 1u << 11;
    guest_idt[VECTOR_DB][1] &= ~0x8000u; /* not present */
    enter(code);
    guest_idt[VECTOR_DB][1] |= 0x8000u;
    check_value("a fault of its delivery is caught", V32(EXITCODE), EXIT_EXCEPTION + 11);
    check_value("and says what was being delivered", V32(EXITINTINFO), EVENT(EXCEPTION, VECTOR_DB));
    return conclude();
}
