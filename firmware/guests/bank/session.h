/* A session with the bank: what each of its messages leads to. What it needs of the world is in environment.h. */
#ifndef SESSION_H
#define SESSION_H

#include "bank.h"

struct session {
    struct bank_account account;
    struct bank_message payment; /* the last that was signed; its magic is 0 until there is one without a receipt */
    u32 over;
};

/* A message has come. Every one is answered: the answer is in `reply`. */
void session_take(struct session *session, const struct bank_message *message, u32 size, struct bank_message *reply);

#endif
