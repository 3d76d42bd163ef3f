/* SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104). */
#ifndef SHA256_H
#define SHA256_H

#include "lib/types.h"

#define DIGEST_SIZE 32
#define SHA256_BLOCK_SIZE 64
#define STATE_WORDS 8

struct sha256 {
    u32 state[STATE_WORDS];
    u32 size; /* bytes so far */
    u8 block[SHA256_BLOCK_SIZE] ALIGNED(4);
};

/* A key, as two hashes that have taken it in: each message goes on from there. */
struct hmac_sha256 {
    struct sha256 inner, outer;
};

void sha256_start(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const u8 *data, u32 size);
void sha256_end(struct sha256 *hash, u8 digest[DIGEST_SIZE]);

/* key_size is at most SHA256_BLOCK_SIZE. */
void hmac_sha256_key(struct hmac_sha256 *hmac, const u8 *key, u32 key_size);
void hmac_sha256(const struct hmac_sha256 *hmac, const u8 *message, u32 size, u8 digest[DIGEST_SIZE]);

#endif
