/* A triple fault resets the machine: the run ends without "end". */
#include "rt.h"

int main(void)
{
    static struct {
        u16 limit;
        u32 base;
    } __attribute__((packed)) none = {0, 0};
    put("triple\n");
    __asm__ volatile("lidt %0\nud2" : : "m"(none));
    put("still here\n");
    return 0;
}
