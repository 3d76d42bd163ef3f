/*
 * Keeps a key and a counter over a loss of power, and shows a far verifier who it is.
 *
 * At its start it unseals them, or makes them if there are none yet, counts this start, and seals them again. Then it answers quotes=N
 * questions for a quote (ATTEST_REQUEST, and a nonce): it has a quote made with the SHA-256 of its key, or tells the host the status with which that was refused.
 * writer=IDENTITY (64 hexadecimal digits): it is a thief, and tries to read what that guest keeps; status INTRUDED if it can.
 */
#include "lib/cpu.h"
#include "lib/platform.h"
#include "lib/sealed.h"
#include "lib/sha256.h"
#include "lib/string.h"

#define SLOT 0
#define TAG_SIZE 4
#define FAILED_SEAL 1
#define FAILED_RECEIVE 2
#define FAILED_WRITER 3
#define INTRUDED 4

static struct {
    u32 starts;
    u8 key[DIGEST_SIZE];
} kept ALIGNED(4);
static u8 message[MAX_MESSAGE] ALIGNED(4096);

static void hash(const void *data, u32 size, u8 digest[DIGEST_SIZE])
{
    struct sha256 state;
    sha256_start(&state);
    sha256_add(&state, data, size);
    sha256_end(&state, digest);
}

static int hexadecimal(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

static int steal(const char *text, u32 length)
{
    u8 writer[IDENTITY_SIZE] ALIGNED(4);
    if (length != 2 * IDENTITY_SIZE)
        return FAILED_WRITER;
    for (u32 i = 0; i < IDENTITY_SIZE; i++) {
        int high = hexadecimal(text[2 * i]), low = hexadecimal(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return FAILED_WRITER;
        writer[i] = (u8)(high << 4 | low);
    }
    int size = unseal(SLOT, &kept, sizeof kept, writer);
    print("stolen %d\n", size);
    return size >= 0 ? INTRUDED : 0;
}

/* The key is as good as the clock: enough for a test. */
static int remember(void)
{
    int size = unseal(SLOT, &kept, sizeof kept, NULL);
    if (size != sizeof kept) {
        u32 now = (u32)time_stamp();
        print("nothing unsealed: %d\n", size);
        kept.starts = 0;
        hash(&now, sizeof now, kept.key);
    }
    kept.starts++;
    int status = seal(SLOT, &kept, sizeof kept, NULL);
    print("start %u, sealed %d\n", kept.starts, status);
    return status == STATUS_OK;
}

static int answer(u32 quotes)
{
    u8 data[GUEST_DATA_SIZE] ALIGNED(4);
    hash(kept.key, sizeof kept.key, data);
    while (quotes) {
        int size = hypercall(HYPERCALL_RECEIVE, (u32)message, sizeof message, 0);
        if (size < 0)
            return FAILED_RECEIVE;
        if (size != (int)(TAG_SIZE + NONCE_SIZE) || *(u32 *)message != ATTEST_REQUEST)
            continue;
        int status = attest(message + TAG_SIZE, data);
        print("quoted %d\n", status);
        if (status != STATUS_OK) {
            memcpy(message + TAG_SIZE, &status, sizeof status);
            hypercall(HYPERCALL_SEND, (u32)message, TAG_SIZE + sizeof status, 0);
        }
        quotes--;
    }
    return 0;
}

int main(void)
{
    char text[2 * IDENTITY_SIZE + 1];
    if (!above_isolation_kernel()) {
        print("sealed storage is the isolation kernel's\n");
        return 0;
    }
    u32 length = text_parameter("writer", text, sizeof text);
    if (length)
        return steal(text, length);
    int sealed = remember(), status = answer(parameter("quotes", 0));
    return sealed ? status : FAILED_SEAL;
}
