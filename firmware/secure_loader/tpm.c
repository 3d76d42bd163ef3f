#include "secure_loader/tpm.h"
#include "lib/string.h"
#include "secure_loader/machine.h"

#define LOCALITY 2 /* the lowest that may extend PCR 17 to 19 */
#define REGISTER(name) (PHYSICAL_TPM + LOCALITY * TPM_LOCALITY_STRIDE + TPM_##name)
#define PATIENCE (1u << 22) /* looks at a register */
#define ABSENT 0xFF
#define HEADER_SIZE 10
#define CODE_AT 6 /* in an answer's header, as a 32-bit number */

/* TPM2_PCR_Extend (TPM 2.0 Library, part 3, 22.2) with an empty password: the command but for its PCR and its digest. */
#define COMMAND_SIZE 65
#define PCR_AT 13
#define DIGEST_AT 33
static const u8 extend[DIGEST_AT] = {
    0x80, 0x02, 0, 0, 0, COMMAND_SIZE, 0, 0, 0x01, 0x82, /* TPM_ST_SESSIONS, size, TPM_CC_PCR_Extend */
    0, 0, 0, 0, 0, 0, 0, 9, 0x40, 0, 0, 0x09, 0, 0, 0, 0, 0, /* handle; TPM_RS_PW */
    0, 0, 0, 1, 0, 0x0B, /* one digest, TPM_ALG_SHA256 */
};

int tpm_present(void)
{
    return read8(REGISTER(ACCESS)) != ABSENT;
}

/* Waits for all of these bits of a register, or for any of them; -1 if they do not come. */
static int wait(u32 at, u32 bits, int any)
{
    for (u32 n = 0; n < PATIENCE && tpm_present(); n++) {
        u32 seen = read32(at) & bits;
        if (seen == bits || (any && seen))
            return 0;
    }
    return -1;
}

/* The command, and the head of its answer; -1 if the TPM leaves us waiting. */
static int exchange(const u8 *command, u32 size, u8 head[HEADER_SIZE])
{
    if (wait(REGISTER(ACCESS), TPM_ACCESS_VALID, 0))
        return -1;
    write8(REGISTER(ACCESS), TPM_ACCESS_SEIZE); /* from whoever of the BIOS or of the system before us has it */
    if (wait(REGISTER(ACCESS), TPM_ACCESS_ACTIVE_LOCALITY, 0))
        return -1;
    write8(REGISTER(STS), TPM_STS_COMMAND_READY);
    if (wait(REGISTER(STS), TPM_STS_COMMAND_READY, 0))
        return -1;
    for (u32 n = 0; n < size; n++) {
        if (wait(REGISTER(STS), TPM_STS_BURST_COUNT, 1))
            return -1;
        write8(REGISTER(DATA_FIFO), command[n]);
    }
    write8(REGISTER(STS), TPM_STS_GO);
    if (wait(REGISTER(STS), TPM_STS_VALID | TPM_STS_DATA_AVAILABLE, 0))
        return -1;
    for (u32 n = 0; n < HEADER_SIZE; n++) {
        if (wait(REGISTER(STS), TPM_STS_BURST_COUNT, 1))
            return -1;
        head[n] = read8(REGISTER(DATA_FIFO));
    }
    return 0;
}

int tpm_extend(u32 pcr, const u8 digest[DIGEST_SIZE])
{
    u8 command[COMMAND_SIZE], head[HEADER_SIZE];
    memcpy(command, extend, DIGEST_AT);
    command[PCR_AT] = (u8)pcr;
    memcpy(command + DIGEST_AT, digest, DIGEST_SIZE);
    if (exchange(command, COMMAND_SIZE, head))
        return -1;
    write8(REGISTER(STS), TPM_STS_COMMAND_READY);
    write8(REGISTER(ACCESS), TPM_ACCESS_ACTIVE_LOCALITY);
    return head[CODE_AT] | head[CODE_AT + 1] | head[CODE_AT + 2] | head[CODE_AT + 3] ? -1 : 0;
}
