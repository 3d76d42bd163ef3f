/* What a session needs of the world: the guest's own (main.c), or that of a test (host.c). */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include "guests/bank/keys.h"

/* 1 when the account outlasts a loss of power. */
int keep(const struct bank_account *account);

/* Shows the order and lets the user type; DONE or CANCELLED. `tries` are left. */
enum entry ask_pin(const struct bank_message *order, u32 tries, struct pin_entry *entry);

/* Has a quote made for whoever asked, over these 32 bytes of the guest's own. */
void have_quoted(const u8 *nonce, const u8 *data);

/* For the user's eyes. */
void tell_payment(const struct bank_message *payment);
void tell_receipt(const struct bank_message *receipt);
void tell_refusal(u32 reason);

#endif
