#include "guests/bank/screen.h"
#include "ringfence.h"

#define CENTS 100
#define COLUMNS VGA_COLUMNS
#define ROWS VGA_ROWS

static volatile u16 *const cells = (volatile u16 *)PHYSICAL_SCREEN;
static u32 place;
static u16 colours;

static void put(char character)
{
    if (place < COLUMNS * ROWS)
        cells[place++] = (u16)(colours | (u8)character);
}

void screen_at(u32 row, u32 column, u8 attribute)
{
    place = row * COLUMNS + column;
    colours = (u16)(attribute << 8);
}

void screen_line(u32 row, u8 attribute)
{
    screen_at(row, 0, attribute);
    for (u32 n = 0; n < COLUMNS; n++)
        put(' ');
    screen_at(row, 0, attribute);
}

void screen_clear(void)
{
    for (u32 row = 0; row < ROWS; row++)
        screen_line(row, PLAIN);
}

void screen_text(const char *text, u32 longest)
{
    for (u32 n = 0; n < longest && text[n]; n++)
        put(text[n]);
}

void screen_number(u32 value)
{
    if (value >= 10)
        screen_number(value / 10);
    put((char)('0' + value % 10));
}

void screen_amount(u32 cents)
{
    screen_number(cents / CENTS);
    put('.');
    put((char)('0' + cents % CENTS / 10));
    put((char)('0' + cents % 10));
}
