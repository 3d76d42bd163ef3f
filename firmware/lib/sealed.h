/* Sealed storage and quotes, above the isolation kernel alone (contracts/hypercalls.py). Results are those of the calls. */
#ifndef SEALED_H
#define SEALED_H

#include "lib/types.h"
#include "ringfence.h"

/* Who may read something, by identity. */
struct readers {
    u32 count;
    u8 names[SEALED_READERS][IDENTITY_SIZE];
};

/* Keeps data in a slot, in the place of what was there; it outlasts a loss of power. NULL: for this guest alone. */
int seal(u32 slot, const void *data, u32 size, const struct readers *readers);

/* What a guest keeps in a slot: its length, if it fits. NULL: what this guest itself keeps. */
int unseal(u32 slot, void *data, u32 size, const u8 *writer);

/* Lets the host have a quote for a verifier's nonce, with data of our own. */
int attest(const u8 nonce[NONCE_SIZE], const u8 data[GUEST_DATA_SIZE]);

#endif
