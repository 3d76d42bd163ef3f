/* The screen and the keyboard of the guest, beside what a session asks of them (environment.h). */
#ifndef FACE_H
#define FACE_H

#include "bank.h"

void face_init(void);
void face_account(const struct bank_account *account);
void face_news(const char *text);

#endif
