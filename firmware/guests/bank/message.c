#include "guests/bank/message.h"
#include "guests/bank/same.h"
#include "lib/sha256.h"
#include "lib/string.h"

#define TAGGED __builtin_offsetof(struct bank_message, tag)
#define SAID __builtin_offsetof(struct bank_message, number) /* from there to the tag: what a payment takes over from its order */
#define PRINTABLE_FIRST ' '
#define PRINTABLE_LAST '~'

_Static_assert(sizeof((struct bank_message *)0)->tag == DIGEST_SIZE, "a tag is a whole HMAC-SHA-256");

static void tag_of(const struct bank_account *account, const struct bank_message *message, u8 tag[DIGEST_SIZE])
{
    struct hmac_sha256 hmac;
    hmac_sha256_key(&hmac, account->key, BANK_KEY_SIZE);
    hmac_sha256(&hmac, (const u8 *)message, TAGGED, tag);
}

static int is_genuine(const struct bank_account *account, const struct bank_message *message)
{
    u8 tag[DIGEST_SIZE] ALIGNED(4);
    tag_of(account, message, tag);
    return same(tag, message->tag, DIGEST_SIZE);
}

u32 message_refusal(const struct bank_account *account, const struct bank_message *message, u32 size)
{
    if (size != sizeof *message || message->magic != BANK_MESSAGE_MAGIC || message->customer != account->customer)
        return BANK_REASON_NOT_GENUINE;
    if (!is_genuine(account, message))
        return BANK_REASON_NOT_GENUINE;
    return 0;
}

/* Printable characters, one at least, and zeros behind them. */
static int is_text(const u8 *text, u32 size)
{
    u32 n = 0;
    while (n < size && text[n] >= PRINTABLE_FIRST && text[n] <= PRINTABLE_LAST)
        n++;
    if (n == 0)
        return 0;
    while (n < size && text[n] == 0)
        n++;
    return n == size;
}

static int is_new(const struct bank_account *account, const struct bank_message *order) { return order->number > account->counter; }

u32 order_refusal(const struct bank_account *account, const struct bank_message *order)
{
    if (!is_new(account, order))
        return BANK_REASON_OLD;
    if (order->amount == 0 || !is_text(order->currency, sizeof order->currency) || !is_text(order->payee, sizeof order->payee))
        return BANK_REASON_NOT_READABLE;
    return 0;
}

void answer(const struct bank_account *account, const struct bank_message *asked, u32 kind, u32 number, struct bank_message *message)
{
    memcpy(message, asked, sizeof *message);
    message->magic = BANK_MESSAGE_MAGIC;
    message->kind = kind;
    message->customer = account->customer;
    message->number = number;
    tag_of(account, message, message->tag);
}

int is_receipt_for(const struct bank_message *payment, const struct bank_message *receipt)
{
    return memcmp((const u8 *)payment + SAID, (const u8 *)receipt + SAID, TAGGED - SAID) == 0;
}
