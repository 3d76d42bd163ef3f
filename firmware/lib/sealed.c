#include "lib/sealed.h"
#include "lib/string.h"

static int call(u32 number, u32 ebx, u32 ecx, u32 edx, u32 esi)
{
    int result;
    asm volatile("vmmcall" : "=a"(result) : "a"(number), "b"(ebx), "c"(ecx), "d"(edx), "S"(esi) : "memory");
    return result;
}

int seal(u32 slot, const void *data, u32 size, const struct readers *readers)
{
    return call(HYPERCALL_SEAL, (u32)data, size, slot, (u32)readers);
}

int unseal(u32 slot, void *data, u32 size, const u8 *writer)
{
    return call(HYPERCALL_UNSEAL, (u32)data, size, slot, (u32)writer);
}

int attest(const u8 nonce[NONCE_SIZE], const u8 data[GUEST_DATA_SIZE])
{
    u8 asked[NONCE_SIZE + GUEST_DATA_SIZE] ALIGNED(4);
    memcpy(asked, nonce, NONCE_SIZE);
    memcpy(asked + NONCE_SIZE, data, GUEST_DATA_SIZE);
    return call(HYPERCALL_ATTEST, (u32)asked, 0, 0, 0);
}
