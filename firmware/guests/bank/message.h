/* The bank's messages: which of them are believed, and what is signed. Nothing here reaches beyond its arguments. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "bank.h"

/* A BANK_REASON, or 0: the message has this size, is of the bank for this account, and is as it was sent. */
u32 message_refusal(const struct bank_account *account, const struct bank_message *message, u32 size);

/* A BANK_REASON, or 0: an order that is new and can be shown. */
u32 order_refusal(const struct bank_account *account, const struct bank_message *order);

/* A message of the customer: what the bank's message says, of another kind, with this number, and tagged. */
void answer(const struct bank_account *account, const struct bank_message *asked, u32 kind, u32 number, struct bank_message *message);

/* Whether a receipt is for this payment. */
int is_receipt_for(const struct bank_message *payment, const struct bank_message *receipt);

#endif
