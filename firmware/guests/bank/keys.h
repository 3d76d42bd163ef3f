/* What is typed: the keyboard's bytes (scan code set 1, as the 8042 translates them) made into keys, and keys into a PIN. */
#ifndef KEYS_H
#define KEYS_H

#include "bank.h"

enum key { KEY_NONE = 0, KEY_ENTER = '\n', KEY_BACKSPACE = '\b', KEY_ESCAPE = 27 }; /* or a digit, as ASCII */

struct key_decoder {
    u32 extended; /* the last byte was E0h */
    u32 skipped;  /* so many bytes still belong to a key that is none of ours */
};

/* The key that goes down with this byte, or KEY_NONE. */
u32 key_of(struct key_decoder *decoder, u8 byte);

enum entry { ENTRY_OPEN, ENTRY_DONE, ENTRY_CANCELLED };

struct pin_entry {
    u8 digits[BANK_PIN_LONGEST]; /* filled up with zeros */
    u32 count;
};

enum entry pin_key(struct pin_entry *entry, u32 key);

#endif
