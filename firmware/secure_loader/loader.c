/*
 * The secure loader (contracts/secure_loader.py): what SKINIT has measured. It takes the protection of its block over from the processor,
 * without a gap, and lets nothing run that PCR 18 does not name.
 */
#include "lib/sha256.h"
#include "lib/string.h"
#include "secure_loader/machine.h"
#include "secure_loader/tpm.h"

#define PAGE_MASK (PAGE_SIZE - 1)

static const u32 development[] = {
    EVENT_DEVELOPMENT_DIGEST0, EVENT_DEVELOPMENT_DIGEST1, EVENT_DEVELOPMENT_DIGEST2, EVENT_DEVELOPMENT_DIGEST3,
    EVENT_DEVELOPMENT_DIGEST4, EVENT_DEVELOPMENT_DIGEST5, EVENT_DEVELOPMENT_DIGEST6, EVENT_DEVELOPMENT_DIGEST7,
};

NORETURN void enter_stub(u32 base);

static u32 in_block(u32 offset) { return *(volatile u32 *)offset; }
static void tell(u32 offset, u32 value) { *(volatile u32 *)offset = value; }
static u32 guard(u32 offset) { return PHYSICAL_GUARD + offset; }
static u32 mailbox(void) { return read32(PHYSICAL_HOST_LINK + HOST_LINK_MAILBOX); }

/* The kernel sees it when it finds us at the mailbox. */
static NORETURN void give_up(u32 status)
{
    tell(BLOCK_STATUS, status);
    for (;;)
        mailbox();
}

/* A map of zeros: no device reaches anything. Only when it is in force does the launch's own protection end. */
static void close_memory(u32 block)
{
    memset((void *)BLOCK_MAP, 0, PAGE_SIZE);
    write32(guard(GUARD_MAP_BASE), block + BLOCK_MAP);
    write32(guard(GUARD_MAP_LENGTH), PAGE_SIZE);
    write32(guard(GUARD_CONTROL), GUARD_CONTROL_ENABLE | FORMAT_UNIFORM << GUARD_CONTROL_FORMAT_SHIFT);
    write32(guard(GUARD_LAUNCH_CONTROL), 0);
}

/* An event of the log, and its PCR extended. What has been measured runs only if this is 0, or if there is no TPM any more. */
static int measured(u32 kind, u32 pcr, const u8 digest[DIGEST_SIZE])
{
    u32 at = in_block(BLOCK_LOG_SIZE);
    tell(BLOCK_LOG + at, kind);
    memcpy((u8 *)(BLOCK_LOG + at + 4), digest, DIGEST_SIZE);
    tell(BLOCK_LOG_SIZE, at + 4 + DIGEST_SIZE);
    return tpm_extend(pcr, digest);
}

/* The digest of memory from `at` on. */
static void digest_of(u32 at, u32 size, u8 digest[DIGEST_SIZE])
{
    struct sha256 hash;
    u32 words[SHA256_BLOCK_SIZE / 4];
    sha256_start(&hash);
    for (u32 part; size; size -= part, at += part) {
        part = size < sizeof words ? size : sizeof words;
        for (u32 n = 0; n < part; n += 4)
            words[n / 4] = read32(at + n);
        sha256_add(&hash, (const u8 *)words, part);
    }
    sha256_end(&hash, digest);
}

NORETURN void load(u32 block)
{
    u8 stub[DIGEST_SIZE] ALIGNED(4), kernel[DIGEST_SIZE] ALIGNED(4);
    u32 source = in_block(BLOCK_STUB), size = in_block(BLOCK_STUB_SIZE), base;
    close_memory(block);

    tell(BLOCK_LOG, EVENT_LOG_HEADER0);
    tell(BLOCK_LOG + 4, EVENT_LOG_HEADER1);
    tell(BLOCK_LOG_SIZE, EVENT_LOG_HEADER_SIZE);
    tell(BLOCK_STATUS, LOADER_BEGUN);
    base = mailbox();
    for (u32 n = 0; n < DIGEST_SIZE / 4; n++)
        ((u32 *)kernel)[n] = mailbox();
    if (base & PAGE_MASK || base < block + BLOCK_SIZE || base > PHYSICAL_NOWHERE) /* it is above us, so no stub is copied over us */
        give_up(LOADER_KERNEL_REFUSED);
    if (size == 0 || size > STUB_LIMIT || size % 4 || source % 4 || source > base - size)
        give_up(LOADER_STUB_REFUSED);

    for (u32 n = 0; n < size; n += 4) /* to where no device and no guest reaches it, and measured there */
        write32(base + n, read32(source + n));
    digest_of(base, size, stub);
    int failed = measured(EVENT_STUB, PCR_KERNEL, stub) || measured(EVENT_KERNEL, PCR_KERNEL, kernel) ||
                 measured(EVENT_DEVELOPMENT, PCR_POLICY, (const u8 *)development); /* the kernel's digest is the host's word */
    if (failed && tpm_present())
        give_up(LOADER_TPM_REFUSED);
    tell(BLOCK_STATUS, failed ? LOADER_NO_TPM : LOADER_MEASURED);
    enter_stub(base);
}
