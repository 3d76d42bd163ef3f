/* Undefined opcodes, instructions longer than 15 bytes, and where LOCK is allowed. */
#include "rt.h"

static u8 code[32] __attribute__((section(".data"))) = {0};

static void bytes(const char *name, u32 count, const u8 *what)
{
    u32 n;
    for (n = 0; n < count; n++)
        code[n] = what[n];
    code[count] = 0xC3;
    __asm__ volatile("jmp 1f\n1:" : : : "memory");
    run(name, code, 0, 0, 0, 0, 0);
}
#define BYTES(name, ...) bytes(name, sizeof((u8[]){__VA_ARGS__}), (const u8[]){__VA_ARGS__})

#define P 0x26
int main(void)
{
    u32 n;
    put("encoding\n");
    BYTES("ud2", 0x0F, 0x0B);
    BYTES("ud1", 0x0F, 0xB9, 0xC0);
    BYTES("0f ff", 0x0F, 0xFF, 0xC0);
    BYTES("0f 04", 0x0F, 0x04);
    BYTES("0f 0a", 0x0F, 0x0A);
    BYTES("0f 24", 0x0F, 0x24, 0xC0);
    BYTES("0f a6", 0x0F, 0xA6, 0xC0);
    BYTES("fe /2", 0xFE, 0xD0);
    BYTES("fe /7", 0xFE, 0xF8);
    BYTES("ff /7", 0xFF, 0xF8);
    BYTES("0f ba /0", 0x0F, 0xBA, 0xC0, 0);
    BYTES("0f ba /3", 0x0F, 0xBA, 0xD8, 0);
    BYTES("0f 00 /6", 0x0F, 0x00, 0xF0);
    BYTES("0f 00 /7", 0x0F, 0x00, 0xF8);
    BYTES("0f 01 /5", 0x0F, 0x01, 0xE8);
    BYTES("0f c7 /1 register", 0x0F, 0xC7, 0xC8);
    BYTES("0f c7 /0", 0x0F, 0xC7, 0x04, 0x24);
    BYTES("lea register", 0x8D, 0xC0);
    BYTES("bound register", 0x62, 0xC0);
    BYTES("ljmp register", 0xFF, 0xE8);
    BYTES("lcall register", 0xFF, 0xD8);
    BYTES("lss register", 0x0F, 0xB2, 0xC0);
    BYTES("lfs register", 0x0F, 0xB4, 0xC0);
    BYTES("invlpg register", 0x0F, 0x01, 0xFA);
    put("length\n");
    BYTES("15 bytes", P, P, P, P, P, P, P, P, P, P, P, P, P, P, 0x90);
    BYTES("16 bytes", P, P, P, P, P, P, P, P, P, P, P, P, P, P, P, 0x90);
    BYTES("15 bytes with operands", P, P, P, P, P, P, P, P, P, 0x81, 0xC0, 1, 0, 0, 0);
    BYTES("16 bytes with operands", P, P, P, P, P, P, P, P, P, P, 0x81, 0xC0, 1, 0, 0, 0);
    BYTES("16 bytes that would be undefined", P, P, P, P, P, P, P, P, P, P, P, P, P, P, 0x0F, 0x0B);
    put("lock\n");
    for (n = 0; n < 8; n++) {
        static const char *const NAMES[] = {"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"};
        put(NAMES[n]);
        BYTES(" memory", 0xF0, 0x83, (u8)(0x44 | n << 3), 0x24, 0xF8, 0);
        put(NAMES[n]);
        BYTES(" register", 0xF0, 0x83, 0xC0 | (u8)(n << 3), 0);
        put(NAMES[n]);
        BYTES(" to register", 0xF0, (u8)(n << 3 | 3), 0x44, 0x24, 0xF8);
    }
    BYTES("not", 0xF0, 0xF7, 0x54, 0x24, 0xF8);
    BYTES("neg", 0xF0, 0xF7, 0x5C, 0x24, 0xF8);
    BYTES("neg register", 0xF0, 0xF7, 0xD8);
    BYTES("inc", 0xF0, 0xFF, 0x44, 0x24, 0xF8);
    BYTES("dec byte", 0xF0, 0xFE, 0x4C, 0x24, 0xF8);
    BYTES("inc register", 0xF0, 0x40);
    BYTES("xchg", 0xF0, 0x87, 0x44, 0x24, 0xF8);
    BYTES("bts", 0xF0, 0x0F, 0xAB, 0x44, 0x24, 0xF8);
    BYTES("btr immediate", 0xF0, 0x0F, 0xBA, 0x74, 0x24, 0xF8, 1);
    BYTES("cmpxchg", 0xF0, 0x0F, 0xB1, 0x44, 0x24, 0xF8);
    BYTES("xadd", 0xF0, 0x0F, 0xC1, 0x44, 0x24, 0xF8);
    BYTES("cmpxchg8b", 0xF0, 0x0F, 0xC7, 0x4C, 0x24, 0xF0);
    put("prefixes\n");
    BYTES("rep nop", 0xF3, 0x90);
    BYTES("repne add", 0xF2, 0x01, 0xC0);
    BYTES("two segment prefixes", 0x26, 0x3E, 0x90);
    BYTES("operand and address size", 0x66, 0x67, 0x90);
    put("end\n");
    return 0;
}
