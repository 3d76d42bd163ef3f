/* Memory that does not exist: what is written there does not stay, whether it has been read before or not, and is not seen elsewhere. */
#include "rt.h"

#define STEP 0x400000u
#define FIRST 0x2000000u  /* behind the 32 MiB of RAM */
#define LAST 0x10000000u
#define AT(address) (*(volatile u32 *)(address))

/* As a BIOS or an operating system does it: read, write, read. */
static u32 stays(u32 address, u32 pattern)
{
    u32 old = AT(address), got;
    AT(address) = pattern;
    AT(address ^ 0x100) = ~pattern; /* so that no bus is left with the pattern */
    got = AT(address);
    AT(address) = old;
    return got == pattern;
}

int main(void)
{
    u32 found = 0, address;
    put("absent\n");
    value("RAM stays", stays(FIRST - STEP, 0x12345678) && stays(FIRST - STEP, 0x87654321));
    for (address = FIRST; address < LAST; address += STEP)
        found += stays(address, 0x12345678) || stays(address + 0x1004, 0xA55AA55A);
    value("steps found behind it", found);
    AT(FIRST + 0x40) = 0x11111111;
    value("written first", AT(FIRST + 0x40) == 0x11111111);
    value("and elsewhere", AT(LAST + 0x40) == 0x11111111);
    value("half a line", (AT(FIRST + 0x4C) == 0x11111111) | (AT(FIRST + 0x50) == 0x11111111));
    put("end\n");
    return 0;
}
