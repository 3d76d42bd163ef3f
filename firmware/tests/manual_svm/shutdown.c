/* A triple fault of a guest whose shutdown is not intercepted resets the machine: the run ends without "end". */
#include "svm.h"

int main(void)
{
    put("shutdown\n");
    svm_on();
    guest_begin();
    V32(INTERCEPT_GENERAL1) = 0;
    V32(IDTR_LIMIT) = 0;
    V32(RIP) = (u32)GUEST("ud2");
    guest_enter();
    put("still here\n");
    return 0;
}
