/*
 * The guest's session and its keys as a Linux program, of the same object code, so that tests can ask it much and fast. Standard input has
 * orders: a letter, a size (32 bits), and as many bytes. Standard output has what comes of each.
 *
 *   A account                          the session begins; nothing is written
 *   L letter                           one byte (1: it is an account now), the account
 *   K byte                             a byte of the keyboard to the next PIN; nothing is written
 *   F count (32 bits)                  the count'th time that the account is to be kept it cannot be; nothing is written
 *   M message                          events (a letter each, with what belongs to it), then '.', over (32 bits), the account, the reply
 */
#include "guests/bank/account.h"
#include "guests/bank/environment.h"
#include "guests/bank/session.h"
#include "lib/string.h"

#define SYSTEM_EXIT 1
#define SYSTEM_READ 3
#define SYSTEM_WRITE 4
#define LONGEST 4096
#define MOST_KEYS 256

static struct session session;
static u8 input[LONGEST] ALIGNED(4), typed[MOST_KEYS];
static u32 typed_count, kept_count, failing;

static int system_call(u32 number, u32 ebx, u32 ecx, u32 edx)
{
    int result;
    asm volatile("int $0x80" : "=a"(result) : "a"(number), "b"(ebx), "c"(ecx), "d"(edx) : "memory");
    return result;
}

static void leave(void) { system_call(SYSTEM_EXIT, 0, 0, 0); }

static void get(void *to, u32 size)
{
    for (u8 *at = to; size;) {
        int read = system_call(SYSTEM_READ, 0, (u32)at, size);
        if (read <= 0)
            leave();
        at += read;
        size -= (u32)read;
    }
}

static void put(const void *from, u32 size)
{
    for (const u8 *at = from; size;) {
        int written = system_call(SYSTEM_WRITE, 1, (u32)at, size);
        if (written <= 0)
            leave();
        at += written;
        size -= (u32)written;
    }
}

static void event(char letter, const void *what, u32 size)
{
    put(&letter, 1);
    put(what, size);
}

int keep(const struct bank_account *account)
{
    if (++kept_count == failing)
        return 0;
    event('k', account, sizeof *account);
    return 1;
}

enum entry ask_pin(const struct bank_message *order, u32 tries, struct pin_entry *entry)
{
    struct key_decoder decoder = {0, 0};
    enum entry state = ENTRY_OPEN;
    event('a', &tries, sizeof tries);
    put(order, sizeof *order);
    u32 n = 0;
    while (state == ENTRY_OPEN && n < typed_count)
        state = pin_key(entry, key_of(&decoder, typed[n++]));
    typed_count = 0;
    event('p', entry->digits, sizeof entry->digits);
    return state == ENTRY_OPEN ? ENTRY_CANCELLED : state;
}

void have_quoted(const u8 *nonce, const u8 *data)
{
    event('q', nonce, sizeof((struct bank_message *)0)->nonce);
    put(data, sizeof((struct bank_message *)0)->tag);
}

void tell_payment(const struct bank_message *payment) { event('s', payment, sizeof *payment); }
void tell_receipt(const struct bank_message *receipt) { event('r', receipt, sizeof *receipt); }
void tell_refusal(u32 reason) { event('x', &reason, sizeof reason); }

static void serve(u8 order, u32 size)
{
    struct bank_message reply;
    u8 good;
    switch (order) {
    case 'A':
        memset(&session, 0, sizeof session);
        memcpy(&session.account, input, sizeof session.account);
        typed_count = kept_count = failing = 0;
        break;
    case 'L':
        good = (u8)account_of_letter(&session.account, (const struct bank_letter *)input, size);
        put(&good, 1);
        put(&session.account, sizeof session.account);
        break;
    case 'K':
        if (typed_count < MOST_KEYS)
            typed[typed_count++] = input[0];
        break;
    case 'F':
        failing = kept_count + *(u32 *)input;
        break;
    case 'M':
        memset(&reply, 0, sizeof reply);
        session_take(&session, (const struct bank_message *)input, size, &reply);
        event('.', &session.over, sizeof session.over);
        put(&session.account, sizeof session.account);
        put(&reply, sizeof reply);
    }
}

NORETURN void start(void);
void start(void)
{
    for (;;) {
        u8 order;
        u32 size;
        get(&order, 1);
        get(&size, sizeof size);
        if (size > sizeof input)
            leave();
        memset(input, 0, sizeof input);
        get(input, size);
        serve(order, size);
    }
}
