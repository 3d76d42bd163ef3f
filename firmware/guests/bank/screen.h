/* The text screen: lines of 80 cells, written from a column on, the rest of the line as it was. */
#ifndef SCREEN_H
#define SCREEN_H

#include "lib/types.h"

#define PLAIN 0x07 /* grey on black */
#define BRIGHT 0x0F
#define TITLE 0x1F /* white on blue */
#define GOOD 0x0A
#define BAD 0x0C

void screen_clear(void);

/* Blanks a line. */
void screen_line(u32 row, u8 attribute);

/* Each goes on where the last one ended, until a line is begun or a place is chosen. */
void screen_at(u32 row, u32 column, u8 attribute);
void screen_text(const char *text, u32 longest);
void screen_number(u32 value);
void screen_amount(u32 cents);

#endif
