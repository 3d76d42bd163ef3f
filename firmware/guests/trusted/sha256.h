/* SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104). */
#ifndef SHA256_H
#define SHA256_H

#include "lib/types.h"

#define DIGEST_SIZE 32
#define BLOCK_SIZE 64

struct sha256 {
    u32 state[8];
    u8 block[BLOCK_SIZE];
    u32 size; /* bytes so far */
};

void sha256_start(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const u8 *data, u32 size);
void sha256_end(struct sha256 *hash, u8 digest[DIGEST_SIZE]);

/* Keys longer than a block are hashed first, as RFC 2104 says. */
void hmac_sha256(const u8 *key, u32 key_size, const u8 *message, u32 size, u8 digest[DIGEST_SIZE]);

#endif
