/* What the guest keeps of its customer: how it begins, and the PIN. Nothing here reaches beyond its arguments. */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "bank.h"

/* 1 if these bytes, from sealed storage, are an account. */
int is_account(const struct bank_account *account, u32 size);

/* The bank's letter makes a new account. 0 if it is none, and the account is left as it was. */
int account_of_letter(struct bank_account *account, const struct bank_letter *letter, u32 size);

/* Before a PIN is compared, and what is left is kept before that too: no loss of power gives a try back. 0: there is none left. */
int spend_try(struct bank_account *account);

/* Compares, and gives the tries back if it is right. `pin` is filled up with zeros. */
int pin_is_right(struct bank_account *account, const u8 pin[BANK_PIN_LONGEST]);

#endif
