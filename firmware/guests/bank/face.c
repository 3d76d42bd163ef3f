/* What the user sees and types: the session's environment, as far as it is the user's. */
#include "guests/bank/face.h"
#include "guests/bank/environment.h"
#include "guests/bank/keyboard.h"
#include "guests/bank/screen.h"
#include "lib/platform.h"

enum row { ROW_TITLE = 1, ROW_CUSTOMER = 3, ROW_AMOUNT = 6, ROW_PAYEE, ROW_PIN = 9, ROW_HELP, ROW_NEWS = 13 };

#define TEXT_COLUMN 2
#define VALUE_COLUMN 12
#define ALL 80

static void begin(enum row row, u8 attribute)
{
    screen_line(row, attribute);
    screen_at(row, TEXT_COLUMN, attribute);
}

static void line(enum row row, u8 attribute, const char *text)
{
    begin(row, attribute);
    screen_text(text, ALL);
}

void face_init(void)
{
    keyboard_init();
    screen_clear();
    line(ROW_TITLE, TITLE, "Bank: payments");
}

void face_account(const struct bank_account *account)
{
    begin(ROW_CUSTOMER, PLAIN);
    screen_text("Customer ", ALL);
    screen_number(account->customer);
    screen_text(", last payment signed: number ", ALL);
    screen_number(account->counter);
}

void face_news(const char *text) { line(ROW_NEWS, PLAIN, text); }

static void show_payment(const struct bank_message *order)
{
    line(ROW_AMOUNT, PLAIN, "Pay");
    screen_at(ROW_AMOUNT, VALUE_COLUMN, BRIGHT);
    screen_amount(order->amount);
    screen_text(" ", ALL);
    screen_text((const char *)order->currency, sizeof order->currency);
    line(ROW_PAYEE, PLAIN, "to");
    screen_at(ROW_PAYEE, VALUE_COLUMN, BRIGHT);
    screen_text((const char *)order->payee, sizeof order->payee);
}

static void show_stars(u32 count)
{
    screen_at(ROW_PIN, VALUE_COLUMN, BRIGHT);
    for (u32 n = 0; n < BANK_PIN_LONGEST; n++)
        screen_text(n < count ? "*" : " ", 1);
}

/* What was typed before the order was shown agrees to nothing. */
enum entry ask_pin(const struct bank_message *order, u32 tries, struct pin_entry *entry)
{
    struct key_decoder decoder = {0, 0};
    enum entry state = ENTRY_OPEN;
    face_news("");
    show_payment(order);
    line(ROW_PIN, PLAIN, "PIN");
    line(ROW_HELP, PLAIN, "Enter pays, Escape does not. Tries left: ");
    screen_number(tries);
    keyboard_flush();
    print("bank: PIN\n");
    while (state == ENTRY_OPEN) {
        state = pin_key(entry, key_of(&decoder, keyboard_byte()));
        show_stars(entry->count);
    }
    line(ROW_PIN, PLAIN, "");
    line(ROW_HELP, PLAIN, "");
    return state;
}

void tell_payment(const struct bank_message *payment)
{
    begin(ROW_NEWS, PLAIN);
    screen_text("Signed: payment ", ALL);
    screen_number(payment->number);
}

void tell_receipt(const struct bank_message *receipt)
{
    begin(ROW_NEWS, GOOD);
    screen_text("Paid, the bank says: number ", ALL);
    screen_number(receipt->number);
}

void tell_refusal(u32 reason)
{
    static const char *const why[] = {
        [BANK_REASON_NOT_GENUINE] = "A message that is not the bank's was thrown away",
        [BANK_REASON_OLD] = "A message that has been there before was thrown away",
        [BANK_REASON_NOT_READABLE] = "An order that cannot be shown was refused",
        [BANK_REASON_CANCELLED] = "Not paid, as you wish",
        [BANK_REASON_WRONG_PIN] = "Not paid: this is not the PIN",
        [BANK_REASON_LOCKED] = "Locked: too many wrong PINs. Please see the bank",
        [BANK_REASON_NOT_KEPT] = "Not paid: the counter cannot be stored",
    };
    line(ROW_NEWS, BAD, why[reason]);
}
