/* The keyboard behind the 8042, by its interrupt: nothing is asked for again and again. */
#ifndef KEYBOARD_H
#define KEYBOARD_H

#include "lib/types.h"

/* Takes the interrupt table, the 8259s and the 8042 in hand. Whatever else comes than a key ends the guest. */
void keyboard_init(void);

/* The next byte of the keyboard, in scan code set 1; sleeps until there is one. */
u8 keyboard_byte(void);

/* Forgets what has been typed. */
void keyboard_flush(void);

#endif
