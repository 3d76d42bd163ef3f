"""TPM_ALG_ID, TPM_ECC_CURVE and TPMA_OBJECT (TPM 2.0 library, part 2), as far as a quote needs them."""

from enum import IntEnum, IntFlag

__all__ = ["Algorithm", "Attributes", "Curve"]


class Algorithm(IntEnum):
    """TPM_ALG_ID."""

    RSA = 0x0001
    SHA256 = 0x000B
    NULL = 0x0010
    RSASSA = 0x0014
    ECDSA = 0x0018
    ECC = 0x0023


class Curve(IntEnum):
    """TPM_ECC_CURVE."""

    NIST_P256 = 0x0003


class Attributes(IntFlag):
    """TPMA_OBJECT: how a key may be used."""

    FIXED_TPM = 1 << 1  # never leaves this TPM
    FIXED_PARENT = 1 << 4
    SENSITIVE_DATA_ORIGIN = 1 << 5  # made inside the TPM
    RESTRICTED = 1 << 16  # signs what the TPM itself has made, or a digest of what cannot be taken for that
    DECRYPT = 1 << 17
    SIGN = 1 << 18
