#include "guests/trusted/sha256.h"
#include "lib/string.h"

#define ROUNDS 64
#define LENGTH_OFFSET 56
#define INNER_PAD 0x36
#define OUTER_PAD 0x5C

static const u32 constants[ROUNDS] = {
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5, 0xD807AA98, 0x12835B01, 0x243185BE,
    0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174, 0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA,
    0x5CB0A9DC, 0x76F988DA, 0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967, 0x27B70A85,
    0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85, 0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3,
    0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070, 0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F,
    0x682E6FF3, 0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2,
};

static u32 rotate(u32 x, int n) { return x >> n | x << (32 - n); }

static u32 big_endian(const u8 *p) { return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3]; }

static void put_big_endian(u8 *p, u32 x)
{
    p[0] = (u8)(x >> 24);
    p[1] = (u8)(x >> 16);
    p[2] = (u8)(x >> 8);
    p[3] = (u8)x;
}

static void compress(struct sha256 *hash)
{
    u32 w[ROUNDS];
    u32 a = hash->state[0], b = hash->state[1], c = hash->state[2], d = hash->state[3];
    u32 e = hash->state[4], f = hash->state[5], g = hash->state[6], h = hash->state[7];
    for (int i = 0; i < 16; i++)
        w[i] = big_endian(hash->block + 4 * i);
    for (int i = 16; i < ROUNDS; i++) {
        u32 x = w[i - 15], y = w[i - 2];
        w[i] = w[i - 16] + (rotate(x, 7) ^ rotate(x, 18) ^ x >> 3) + w[i - 7] + (rotate(y, 17) ^ rotate(y, 19) ^ y >> 10);
    }
    for (int i = 0; i < ROUNDS; i++) {
        u32 t1 = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + constants[i] + w[i];
        u32 t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    hash->state[0] += a, hash->state[1] += b, hash->state[2] += c, hash->state[3] += d;
    hash->state[4] += e, hash->state[5] += f, hash->state[6] += g, hash->state[7] += h;
}

void sha256_start(struct sha256 *hash)
{
    static const u32 initial[8] = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};
    memcpy(hash->state, initial, sizeof initial);
    hash->size = 0;
}

void sha256_add(struct sha256 *hash, const u8 *data, u32 size)
{
    while (size--) {
        hash->block[hash->size++ % BLOCK_SIZE] = *data++;
        if (hash->size % BLOCK_SIZE == 0)
            compress(hash);
    }
}

void sha256_end(struct sha256 *hash, u8 digest[DIGEST_SIZE])
{
    static const u8 one = 0x80, zero = 0;
    u32 size = hash->size;
    u8 length[8];
    put_big_endian(length, size >> 29);
    put_big_endian(length + 4, size << 3);
    sha256_add(hash, &one, 1);
    while (hash->size % BLOCK_SIZE != LENGTH_OFFSET)
        sha256_add(hash, &zero, 1);
    sha256_add(hash, length, sizeof length);
    for (int i = 0; i < 8; i++)
        put_big_endian(digest + 4 * i, hash->state[i]);
}

static void keyed_start(struct sha256 *hash, const u8 key[BLOCK_SIZE], u8 pad)
{
    u8 padded[BLOCK_SIZE];
    for (int i = 0; i < BLOCK_SIZE; i++)
        padded[i] = key[i] ^ pad;
    sha256_start(hash);
    sha256_add(hash, padded, BLOCK_SIZE);
}

void hmac_sha256(const u8 *key, u32 key_size, const u8 *message, u32 size, u8 digest[DIGEST_SIZE])
{
    struct sha256 hash;
    u8 block[BLOCK_SIZE];
    memset(block, 0, sizeof block);
    if (key_size > BLOCK_SIZE) {
        sha256_start(&hash);
        sha256_add(&hash, key, key_size);
        sha256_end(&hash, block);
    } else {
        memcpy(block, key, key_size);
    }
    keyed_start(&hash, block, INNER_PAD);
    sha256_add(&hash, message, size);
    sha256_end(&hash, digest);
    keyed_start(&hash, block, OUTER_PAD);
    sha256_add(&hash, digest, DIGEST_SIZE);
    sha256_end(&hash, digest);
}
