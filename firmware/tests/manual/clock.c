/* The time stamp counter is written as any MSR is; QEMU takes the write and goes on as before. */
#include "check.h"

static u32 high_after(u32 msr_high)
{
    u32 low, high;
    __asm__ volatile("wrmsr" : : "c"(MSR_TSC), "a"(0x1000), "d"(msr_high));
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    check_value("it goes on from the low word", low >= 0x1000 && low < 0x100000, 1);
    return high;
}

int main(void)
{
    u32 low, high;
    put("clock\n");
    check_value("the high word", high_after(0x77), 0x77);
    check_value("and again", high_after(0), 0);
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_TSC));
    check_value("read as an MSR", low >= 0x1000 && low < 0x100000 && high == 0, 1);
    expect("not in ring 3", SNIPPET("wrmsr"), 3, 0, MSR_TSC, 13, 0);
    return conclude();
}
