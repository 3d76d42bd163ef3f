/* What the mass-market system tries against the trusted guest while it carries its messages. */
#ifndef MARKET_H
#define MARKET_H

#include "bank.h"

/* Where its loot lies, for whoever looks. */
extern u8 loot[BANK_LOOT_SIZE];

/* Chooses an attack by its name (attack= on the command line); `at` is the machine address that it is about. 1 if there is one. */
int attack_choose(const char *name, u32 at, u32 peer);

/* The other end's identity, as the kernel has told it. */
void attack_peer(const u8 identity[IDENTITY_SIZE]);

/* A message has gone on to the trusted guest, which now has the turn. */
void attack_behind(const u8 *message, u32 size);

/* A message to the trusted guest, before it goes on; its size. */
u32 attack_before(u8 *message, u32 size);

/* An answer of the trusted guest, before it goes on to the bank. */
void attack_answer(const u8 *message, u32 size);

#endif
