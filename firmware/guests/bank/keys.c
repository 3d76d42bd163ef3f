#include "guests/bank/keys.h"

#define PREFIX_E0 0xE0
#define PREFIX_E1 0xE1
#define BYTES_BEHIND_E1 2 /* of the Pause key, twice */
#define RELEASED 0x80
#define CODE_ESCAPE 0x01
#define CODE_1 0x02
#define CODE_0 0x0B
#define CODE_BACKSPACE 0x0E
#define CODE_ENTER 0x1C /* with E0h that of the number pad */
#define CODE_PAD_7 0x47
#define CODE_PAD_0 0x52

/* The number pad from CODE_PAD_7 on; zeros are its other keys. */
static const char pad[] = {'7', '8', '9', 0, '4', '5', '6', 0, '1', '2', '3', '0'};

_Static_assert(sizeof pad == CODE_PAD_0 - CODE_PAD_7 + 1, "all of it");

u32 key_of(struct key_decoder *decoder, u8 byte)
{
    if (decoder->skipped) {
        decoder->skipped--;
        return KEY_NONE;
    }
    u32 extended = decoder->extended;
    decoder->extended = byte == PREFIX_E0;
    if (byte == PREFIX_E1)
        decoder->skipped = BYTES_BEHIND_E1;
    if (byte & RELEASED) /* the prefixes too */
        return KEY_NONE;
    if (byte == CODE_ENTER)
        return KEY_ENTER;
    if (extended)
        return KEY_NONE;
    if (byte >= CODE_1 && byte < CODE_0)
        return (u32)'1' + byte - CODE_1;
    if (byte >= CODE_PAD_7 && byte <= CODE_PAD_0)
        return (u32)pad[byte - CODE_PAD_7];
    switch (byte) {
    case CODE_0:
        return '0';
    case CODE_BACKSPACE:
        return KEY_BACKSPACE;
    case CODE_ESCAPE:
        return KEY_ESCAPE;
    }
    return KEY_NONE;
}

enum entry pin_key(struct pin_entry *entry, u32 key)
{
    if (key == KEY_ESCAPE)
        return ENTRY_CANCELLED;
    if (key == KEY_ENTER)
        return entry->count >= BANK_PIN_SHORTEST ? ENTRY_DONE : ENTRY_OPEN;
    if (key == KEY_BACKSPACE && entry->count)
        entry->digits[--entry->count] = 0;
    if (key >= '0' && key <= '9' && entry->count < BANK_PIN_LONGEST)
        entry->digits[entry->count++] = (u8)key;
    return ENTRY_OPEN;
}
