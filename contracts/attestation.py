"""What a quote of a running guest binds together: the kernel asks the TPM for it, a verifier checks it.

The TPM signs PCR 17 to 19 of its SHA-256 bank with :func:`qualifying_data`, which the kernel computes: of the three a guest
chooses the last alone.
"""

import hashlib
from typing import NamedTuple

__all__ = ["GUEST_DATA_SIZE", "IDENTITY_SIZE", "NONCE_SIZE", "REQUEST", "Quoted", "Statement", "qualifying_data"]

NONCE_SIZE = 32  # bytes that the caller chose, never twice
IDENTITY_SIZE = 32  # SHA-256 of what a guest starts from
GUEST_DATA_SIZE = 32  # what the guest says for itself, such as the digest of a key

REQUEST = b"ATT:"
"""What a message from the host to a guest begins with that asks for a quote, the nonce behind it; and the guest's answer if it was refused
one, the status (32 bits, little-endian) behind it."""


class Quoted(NamedTuple):
    """What a machine says of itself for one nonce; with nonce, identity and data it is a verifier's bundle."""

    quote: bytes  # TPMS_ATTEST
    signature: bytes  # TPMT_SIGNATURE
    key: bytes  # TPMT_PUBLIC of the attestation key
    log: bytes  # contracts/event_log.py


class Statement(NamedTuple):
    """A quote with what it is about: all that a verifier's bundle holds."""

    quoted: Quoted
    nonce: bytes
    identity: bytes
    data: bytes


def qualifying_data(nonce: bytes, identity: bytes, data: bytes) -> bytes:
    """H(nonce ‖ identity ‖ data), in SHA-256. Each part has its size, so no two triples are the same bytes."""
    for part, size in ((nonce, NONCE_SIZE), (identity, IDENTITY_SIZE), (data, GUEST_DATA_SIZE)):
        if len(part) != size:
            raise ValueError(f"{len(part)} bytes where {size} are needed")
    return hashlib.sha256(nonce + identity + data).digest()
