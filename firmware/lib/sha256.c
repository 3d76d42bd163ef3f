#include "lib/sha256.h"
#include "lib/string.h"

#define ROUNDS 64
#define LENGTH_OFFSET 56
#define BLOCK_WORDS (SHA256_BLOCK_SIZE / 4)
#define PAD 0x80
#define INNER_PAD 0x36363636u
#define OUTER_PAD 0x5C5C5C5Cu

static const u32 constants[ROUNDS] = {
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5, 0xD807AA98, 0x12835B01, 0x243185BE,
    0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174, 0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA,
    0x5CB0A9DC, 0x76F988DA, 0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967, 0x27B70A85,
    0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85, 0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3,
    0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070, 0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F,
    0x682E6FF3, 0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2,
};

#define ROTATE(x, n) ((x) >> (n) | (x) << (32 - (n)))

static u32 big_endian(u32 x)
{
    asm("bswap %0" : "+r"(x));
    return x;
}

/* One round: eight names go round instead of eight values. The rotations of each sum are nested, so that one register holds it. */
#define SUM_1(e) ROTATE(ROTATE(ROTATE(e, 14) ^ (e), 5) ^ (e), 6)
#define SUM_0(a) ROTATE(ROTATE(ROTATE(a, 9) ^ (a), 11) ^ (a), 2)
#define ROUND(a, b, c, d, e, f, g, h, n) \
    h += SUM_1(e) + (((f ^ g) & e) ^ g) + k[n] + w[n]; \
    d += h; \
    h += SUM_0(a) + ((a & b) | ((a | b) & c));
#define EIGHT_ROUNDS(n) \
    ROUND(a, b, c, d, e, f, g, h, n) \
    ROUND(h, a, b, c, d, e, f, g, n + 1) \
    ROUND(g, h, a, b, c, d, e, f, n + 2) \
    ROUND(f, g, h, a, b, c, d, e, n + 3) \
    ROUND(e, f, g, h, a, b, c, d, n + 4) \
    ROUND(d, e, f, g, h, a, b, c, n + 5) \
    ROUND(c, d, e, f, g, h, a, b, n + 6) \
    ROUND(b, c, d, e, f, g, h, a, n + 7)

/* The next word of the schedule, in place of the one 16 before it. */
#define SIGMA_0(x) (ROTATE(ROTATE(x, 11) ^ (x), 7) ^ (x) >> 3)
#define SIGMA_1(x) (ROTATE(ROTATE(x, 2) ^ (x), 17) ^ (x) >> 10)
#define SCHEDULE(n) w[n] += SIGMA_0(w[((n) + 1) % 16]) + w[((n) + 9) % 16] + SIGMA_1(w[((n) + 14) % 16]);

static void compress(u32 state[STATE_WORDS], const u8 *block)
{
    u32 w[BLOCK_WORDS];
    u32 a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < BLOCK_WORDS; i++)
        w[i] = big_endian(((const u32 *)block)[i]);
    for (const u32 *k = constants;;) {
        EIGHT_ROUNDS(0)
        EIGHT_ROUNDS(8)
        k += BLOCK_WORDS;
        if (k == constants + ROUNDS)
            break;
        SCHEDULE(0) SCHEDULE(1) SCHEDULE(2) SCHEDULE(3) SCHEDULE(4) SCHEDULE(5) SCHEDULE(6) SCHEDULE(7)
        SCHEDULE(8) SCHEDULE(9) SCHEDULE(10) SCHEDULE(11) SCHEDULE(12) SCHEDULE(13) SCHEDULE(14) SCHEDULE(15)
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

void sha256_start(struct sha256 *hash)
{
    static const u32 initial[STATE_WORDS] = {
        0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
    };
    memcpy(hash->state, initial, sizeof initial);
    hash->size = 0;
}

/* Whole blocks are taken where they lie, if the last one had no rest. */
void sha256_add(struct sha256 *hash, const u8 *data, u32 size)
{
    while (size) {
        u32 used = hash->size % SHA256_BLOCK_SIZE, part = size < SHA256_BLOCK_SIZE - used ? size : SHA256_BLOCK_SIZE - used;
        if (part == SHA256_BLOCK_SIZE) {
            compress(hash->state, data);
        } else {
            memcpy(hash->block + used, data, part);
            if (used + part == SHA256_BLOCK_SIZE)
                compress(hash->state, hash->block);
        }
        hash->size += part;
        data += part;
        size -= part;
    }
}

void sha256_end(struct sha256 *hash, u8 digest[DIGEST_SIZE])
{
    u32 used = hash->size % SHA256_BLOCK_SIZE;
    hash->block[used++] = PAD;
    if (used > LENGTH_OFFSET) {
        memset(hash->block + used, 0, SHA256_BLOCK_SIZE - used);
        compress(hash->state, hash->block);
        used = 0;
    }
    memset(hash->block + used, 0, LENGTH_OFFSET - used);
    u32 *length = (u32 *)(hash->block + LENGTH_OFFSET);
    length[0] = big_endian(hash->size >> 29);
    length[1] = big_endian(hash->size << 3);
    compress(hash->state, hash->block);
    for (int i = 0; i < STATE_WORDS; i++)
        ((u32 *)digest)[i] = big_endian(hash->state[i]);
}

static void keyed_start(struct sha256 *hash, const u8 key[SHA256_BLOCK_SIZE], u32 pad)
{
    u32 padded[BLOCK_WORDS];
    for (int i = 0; i < BLOCK_WORDS; i++)
        padded[i] = ((const u32 *)key)[i] ^ pad;
    sha256_start(hash);
    sha256_add(hash, (const u8 *)padded, SHA256_BLOCK_SIZE);
}

void hmac_sha256_key(struct hmac_sha256 *hmac, const u8 *key, u32 key_size)
{
    u8 block[SHA256_BLOCK_SIZE] ALIGNED(4);
    memset(block, 0, sizeof block);
    memcpy(block, key, key_size);
    keyed_start(&hmac->inner, block, INNER_PAD);
    keyed_start(&hmac->outer, block, OUTER_PAD);
}

void hmac_sha256(const struct hmac_sha256 *hmac, const u8 *message, u32 size, u8 digest[DIGEST_SIZE])
{
    struct sha256 hash = hmac->inner;
    sha256_add(&hash, message, size);
    sha256_end(&hash, digest);
    hash = hmac->outer;
    sha256_add(&hash, digest, DIGEST_SIZE);
    sha256_end(&hash, digest);
}
