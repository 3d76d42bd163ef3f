/*
 * The trusted guest of the scenario `bank`: it keeps its customer's key and counter in sealed storage, shows what is to be paid, takes the
 * PIN and signs. It speaks to the bank over a channel to whoever has the network (`peer=`), who is not believed.
 *
 * At its first start it waits for the bank's letter, which the owner gives it from the host. On a bare machine, where nothing can be kept,
 * it takes one order of its own making, with a PIN of 1234, and prints the payment.
 */
#include "guests/bank/account.h"
#include "guests/bank/environment.h"
#include "guests/bank/face.h"
#include "guests/bank/message.h"
#include "guests/bank/session.h"
#include "lib/platform.h"
#include "lib/sealed.h"
#include "lib/string.h"

#define FAILED_LETTER 1
#define FAILED_STORE 2
#define FAILED_CHANNEL 3
#define OWNERS_CHANNEL 0

static struct session session;
static u8 incoming[MAX_MESSAGE] ALIGNED(4096);
static struct bank_message reply ALIGNED(4);

int keep(const struct bank_account *account)
{
    if (!above_isolation_kernel())
        return 1;
    int kept = seal(BANK_ACCOUNT_SLOT, account, sizeof *account, NULL) == STATUS_OK;
    face_account(account);
    return kept;
}

void have_quoted(const u8 *nonce, const u8 *data) { attest(nonce, data); }

/* From the store, or, if there is none that may be read, by the bank's letter. */
static int get_account(struct bank_account *account)
{
    int size = unseal(BANK_ACCOUNT_SLOT, account, sizeof *account, NULL);
    if (size >= 0)
        return is_account(account, (u32)size) ? 0 : FAILED_STORE;
    face_news("No account is kept here. The bank's letter, please");
    print("bank: no account\n");
    size = hypercall(HYPERCALL_RECEIVE, (u32)incoming, sizeof incoming, OWNERS_CHANNEL);
    if (size < 0 || !account_of_letter(account, (const struct bank_letter *)incoming, (u32)size))
        return FAILED_LETTER;
    memset(incoming, 0, sizeof(struct bank_letter));
    return keep(account) ? 0 : FAILED_STORE;
}

static int serve(u32 peer)
{
    if (hypercall(HYPERCALL_OPEN, peer, (u32)incoming, 0) != STATUS_OK)
        return FAILED_CHANNEL;
    while (!session.over) {
        int size = hypercall(HYPERCALL_RECEIVE, (u32)incoming, sizeof incoming, peer);
        if (size < 0)
            return FAILED_CHANNEL;
        session_take(&session, (const struct bank_message *)incoming, (u32)size, &reply);
        if (hypercall(HYPERCALL_SEND, (u32)&reply, sizeof reply, peer) != STATUS_OK)
            return FAILED_CHANNEL;
    }
    return 0;
}

static void demonstrate(void)
{
    static const struct bank_letter letter = {.magic = BANK_LETTER_MAGIC, .customer = 1, .pin = "1234"};
    static const struct bank_message wish = {.number = 1, .amount = 1999, .currency = "EUR", .payee = "A demonstration"};
    struct bank_message order;
    account_of_letter(&session.account, &letter, sizeof letter);
    face_account(&session.account);
    answer(&session.account, &wish, BANK_ORDER, wish.number, &order);
    session_take(&session, &order, sizeof order, &reply);
    for (u32 n = 0; n < sizeof reply; n++)
        print("%c%c", "0123456789abcdef"[((u8 *)&reply)[n] >> 4], "0123456789abcdef"[((u8 *)&reply)[n] & 15]);
    print("\n");
}

int main(void)
{
    face_init();
    if (!above_isolation_kernel()) {
        demonstrate();
        return 0;
    }
    int failure = get_account(&session.account);
    if (failure)
        return failure;
    face_account(&session.account);
    face_news("Ready");
    print("bank: customer %u, counter %u\n", session.account.customer, session.account.counter);
    failure = serve(parameter("peer", 0));
    memset(&session, 0, sizeof session);
    return failure;
}
