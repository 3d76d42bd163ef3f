#include "guests/bank/account.h"
#include "guests/bank/same.h"
#include "lib/string.h"

/* Digits, not too few, and zeros behind them. */
static int is_pin(const u8 pin[BANK_PIN_LONGEST])
{
    u32 digits = 0;
    while (digits < BANK_PIN_LONGEST && pin[digits] >= '0' && pin[digits] <= '9')
        digits++;
    for (u32 n = digits; n < BANK_PIN_LONGEST; n++)
        if (pin[n])
            return 0;
    return digits >= BANK_PIN_SHORTEST;
}

int is_account(const struct bank_account *account, u32 size)
{
    return size == sizeof *account && account->magic == BANK_ACCOUNT_MAGIC && account->version == BANK_ACCOUNT_VERSION &&
           account->tries <= BANK_TRIES && is_pin(account->pin);
}

int account_of_letter(struct bank_account *account, const struct bank_letter *letter, u32 size)
{
    if (size != sizeof *letter || letter->magic != BANK_LETTER_MAGIC || !is_pin(letter->pin))
        return 0;
    memset(account, 0, sizeof *account);
    account->magic = BANK_ACCOUNT_MAGIC;
    account->version = BANK_ACCOUNT_VERSION;
    account->customer = letter->customer;
    account->tries = BANK_TRIES;
    memcpy(account->key, letter->key, sizeof account->key);
    memcpy(account->pin, letter->pin, sizeof account->pin);
    return 1;
}

int spend_try(struct bank_account *account)
{
    if (account->tries == 0)
        return 0;
    account->tries--;
    return 1;
}

int pin_is_right(struct bank_account *account, const u8 pin[BANK_PIN_LONGEST])
{
    if (!same(account->pin, pin, BANK_PIN_LONGEST))
        return 0;
    account->tries = BANK_TRIES;
    return 1;
}
