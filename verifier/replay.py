"""What a TPM's PCRs hold after the events of a log, and their digest as a quote has it."""

import hashlib
from collections.abc import Iterable, Mapping

from contracts.event_log import DIGEST_SIZE, Event, Pcr

__all__ = ["NEVER_LAUNCHED", "digest_of", "replay"]

_LAUNCHED = bytes(DIGEST_SIZE)  # what the processor's measured launch resets these PCRs to
NEVER_LAUNCHED = b"\xff" * DIGEST_SIZE  # and what a reset of the TPM does


def replay(events: Iterable[Event], start: bytes = _LAUNCHED) -> Mapping[Pcr, bytes]:
    """The PCRs after these events, each of which held ``start`` before the first."""
    values = dict.fromkeys(Pcr, start)
    for event in events:
        values[event.kind.pcr] = hashlib.sha256(values[event.kind.pcr] + event.digest).digest()
    return values


def digest_of(values: Mapping[Pcr, bytes]) -> bytes:
    """TPMS_QUOTE_INFO.pcrDigest: of all, in the order of their numbers."""
    return hashlib.sha256(b"".join(values[pcr] for pcr in sorted(values))).digest()
