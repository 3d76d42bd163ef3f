#include "guests/bank/session.h"
#include "guests/bank/account.h"
#include "guests/bank/environment.h"
#include "guests/bank/message.h"
#include "lib/string.h"

/* The try is gone, and known to be gone, before the PIN is compared. */
static u32 agreed(struct bank_account *account, const struct bank_message *order)
{
    struct pin_entry entry;
    memset(&entry, 0, sizeof entry);
    if (account->tries == 0)
        return BANK_REASON_LOCKED;
    if (ask_pin(order, account->tries, &entry) != ENTRY_DONE)
        return BANK_REASON_CANCELLED;
    spend_try(account);
    if (!keep(account))
        return BANK_REASON_NOT_KEPT;
    if (!pin_is_right(account, entry.digits))
        return account->tries ? BANK_REASON_WRONG_PIN : BANK_REASON_LOCKED;
    return 0;
}

/* The counter is kept before anybody sees the signature: no number is signed twice. */
static u32 pay(struct session *session, const struct bank_message *order, struct bank_message *payment)
{
    struct bank_account *account = &session->account;
    u32 reason = order_refusal(account, order);
    if (!reason)
        reason = agreed(account, order);
    if (reason)
        return reason;
    account->counter = order->number;
    if (!keep(account))
        return BANK_REASON_NOT_KEPT;
    answer(account, order, BANK_PAYMENT, account->counter, payment);
    memcpy(&session->payment, payment, sizeof *payment);
    tell_payment(payment);
    return 0;
}

static u32 take_receipt(struct session *session, const struct bank_message *receipt, struct bank_message *reply)
{
    if (!session->payment.magic || !is_receipt_for(&session->payment, receipt))
        return BANK_REASON_OLD;
    session->payment.magic = 0;
    tell_receipt(receipt);
    answer(&session->account, receipt, BANK_TAKEN, session->account.counter, reply);
    return 0;
}

static u32 take(struct session *session, const struct bank_message *message, struct bank_message *reply)
{
    switch (message->kind) {
    case BANK_ORDER:
        return pay(session, message, reply);
    case BANK_RECEIPT:
        return take_receipt(session, message, reply);
    case BANK_CHALLENGE:
        answer(&session->account, message, BANK_ANSWER, session->account.counter, reply);
        have_quoted(message->nonce, reply->tag);
        return 0;
    case BANK_LEAVE:
        session->over = 1;
        answer(&session->account, message, BANK_TAKEN, session->account.counter, reply);
        return 0;
    }
    return BANK_REASON_NOT_GENUINE; /* the customer's own words, played back */
}

void session_take(struct session *session, const struct bank_message *message, u32 size, struct bank_message *reply)
{
    static const struct bank_message nothing;
    u32 reason = message_refusal(&session->account, message, size);
    if (!reason)
        reason = take(session, message, reply);
    if (!reason)
        return;
    tell_refusal(reason);
    answer(&session->account, &nothing, BANK_REFUSAL, reason, reply);
}
