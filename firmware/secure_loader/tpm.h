/* The TPM by its register file (contracts/tpm.py), from locality 2. */
#ifndef TPM_H
#define TPM_H

#include "lib/sha256.h"

/* Whether there is one that works. One that has failed is gone until platform reset, for everybody. */
int tpm_present(void);

/* TPM2_PCR_Extend in the SHA-256 bank; 0, or -1 if it is not known to have been done. */
int tpm_extend(u32 pcr, const u8 digest[DIGEST_SIZE]);

#endif
