/*
 * Guest 2, the trusted one: holds a key, waits for messages and answers each with its HMAC-SHA-256 (32 bytes). It reads no clock,
 * takes no interrupt and has no devices, so that what it does depends on the messages alone.
 *
 * Messages that begin with four letters do more, and are answered in the same way when that is done:
 *   "KEY:" the rest (at most 64 bytes) is the key from now on, for this answer too
 *   "GIV:" the next word is a partition: the page TRUSTED_SPARE, which holds secrets, is given to it
 *   "END:" the guest ends after the answer, with status 0
 * On a bare machine it prints the answers to three messages of its own.
 */
#include "lib/sha256.h"
#include "lib/cpu.h"
#include "lib/platform.h"
#include "lib/string.h"
#include "guest_layout.h"

#define TAG_SIZE 4
#define FAILED_RECEIVE 1
#define FAILED_SEND 2
#define FAILED_VICTIM 3
#define FIRST_KEY_SIZE 32

extern u32 trusted_directory[1024];

struct trusted_page {
    u32 secret[16];
    u8 key[SHA256_BLOCK_SIZE];
    u32 victim;
};
static struct trusted_page *const page = (struct trusted_page *)TRUSTED_PAGE;
static struct hmac_sha256 hmac; /* of the key in the page, once it is needed */
static int keyed;
static u8 message[MAX_MESSAGE] ALIGNED(4096), answer[DIGEST_SIZE] ALIGNED(4);

static int tagged(const char *tag, u32 size) { return size >= TAG_SIZE && memcmp(message, tag, TAG_SIZE) == 0; }

static void set_key(u32 size)
{
    hmac_sha256_key(&hmac, page->key, size);
    keyed = 1;
}

static void act(u32 size)
{
    if (tagged("KEY:", size) && size - TAG_SIZE <= SHA256_BLOCK_SIZE) {
        memcpy(page->key, message + TAG_SIZE, size - TAG_SIZE);
        set_key(size - TAG_SIZE);
    } else if (tagged("GIV:", size) && size >= 2 * TAG_SIZE) {
        hypercall(HYPERCALL_GIVE_PAGE, TRUSTED_SPARE, *(u32 *)(message + TAG_SIZE), 0);
    }
    if (!keyed)
        set_key(FIRST_KEY_SIZE);
    hmac_sha256(&hmac, message, size, answer);
}

static int serve(void)
{
    for (;;) {
        int size = hypercall(HYPERCALL_RECEIVE, (u32)message, sizeof message, 0);
        if (size < 0 || size > (int)sizeof message)
            return FAILED_RECEIVE;
        act((u32)size);
        if (page->victim != VICTIM_WORD)
            return FAILED_VICTIM;
        if (hypercall(HYPERCALL_SEND, (u32)answer, sizeof answer, 0) != STATUS_OK)
            return FAILED_SEND;
        if (tagged("END:", (u32)size))
            return 0;
    }
}

static void demonstrate(const char *text, u32 size)
{
    memcpy(message, text, size);
    act(size);
    for (u32 i = 0; i < sizeof answer; i++)
        print("%c%c", "0123456789abcdef"[answer[i] >> 4], "0123456789abcdef"[answer[i] & 15]);
    print("\n");
}

int main(void)
{
    static char long_text[200];
    WRITE_CR(4, READ_CR(4) | CR4_PSE);
    WRITE_CR(3, (u32)trusted_directory);
    WRITE_CR(0, READ_CR(0) | CR0_PG | CR0_WP);
    if (above_isolation_kernel())
        return serve();
    memset(long_text, 'a', sizeof long_text);
    demonstrate("", 0);
    demonstrate(long_text, sizeof long_text);
    demonstrate("KEY:what a sound key", 20);
    return 0;
}
