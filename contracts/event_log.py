"""The log of what a late launch and the code after it have measured into the TPM: loader and kernel write it, a verifier replays it.

A header of eight bytes (``ringlog`` and the version), then 36 bytes an event: its kind, 32 bits, little-endian, and the SHA-256 digest that
the PCR was extended with. The kind says which PCR. Binary and of one size, so that the loader appends an event by copying nine words, and
there is one way only to write a log: no two readers understand it differently.
"""

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["DEVELOPMENT", "DIGEST_SIZE", "HEADER", "HEADER_SIZE", "Event", "EventKind", "EventLogError", "Pcr", "decode", "encode"]

DIGEST_SIZE = 32
_NAME = b"ringlog"
_VERSION = 1
HEADER = _NAME + bytes((_VERSION,))
HEADER_SIZE = len(HEADER)
_EVENT = struct.Struct(f"<I{DIGEST_SIZE}s")


class EventLogError(ValueError):
    """These bytes are no event log; the message is one line."""


class Pcr(IntEnum):
    """The TPM's registers that a late launch resets and the kernel's quotes cover."""

    LAUNCH = 17  # H(0 ‖ H(block)): the processor's own work
    KERNEL = 18  # extended by the secure loader before either runs: ring −1 stub, kernel image
    POLICY = 19  # extended by the kernel


class EventKind(IntEnum):
    """What was measured."""

    BLOCK = 1  # the secure loader block; the launch itself, so it comes first, once
    STUB = 2
    KERNEL = 3
    POLICY = 4  # the policy file in force; another one when it is replaced
    DEVELOPMENT = 5  # the kernel's digest was asserted by the host on which it runs, and not measured

    @property
    def pcr(self) -> Pcr:
        """Where it goes."""
        return _PCR_OF[self]


_PCR_OF = {
    EventKind.BLOCK: Pcr.LAUNCH,
    EventKind.STUB: Pcr.KERNEL,
    EventKind.KERNEL: Pcr.KERNEL,
    EventKind.POLICY: Pcr.POLICY,
    EventKind.DEVELOPMENT: Pcr.POLICY,
}


@dataclass(frozen=True)
class Event:
    """One measurement."""

    kind: EventKind
    digest: bytes

    def __post_init__(self) -> None:
        if len(self.digest) != DIGEST_SIZE:
            raise EventLogError(f"a digest of {len(self.digest)} bytes")


DEVELOPMENT = Event(EventKind.DEVELOPMENT, hashlib.sha256(b"development").digest())
"""The one event of its kind."""


def encode(events: Iterable[Event]) -> bytes:
    """The log of these events, in order."""
    return HEADER + b"".join(_EVENT.pack(event.kind, event.digest) for event in events)


def decode(log: bytes) -> tuple[Event, ...]:
    """Its events. EventLogError unless ``encode`` can have written it and a launch, if there is one, comes first."""
    if log[: len(_NAME)] != _NAME:
        raise EventLogError("no event log")
    if log[:HEADER_SIZE] != HEADER:
        raise EventLogError(f"an event log of another version than {_VERSION}")
    if (len(log) - HEADER_SIZE) % _EVENT.size:
        raise EventLogError("the event log ends in the middle of an event")
    events = []
    for at, (number, digest) in enumerate(_EVENT.iter_unpack(log[HEADER_SIZE:])):
        try:
            event = Event(EventKind(number), digest)
        except ValueError:
            raise EventLogError(f"an event of kind {number} in the event log") from None
        if event.kind is EventKind.BLOCK and at:
            raise EventLogError("a launch in the middle of the event log")
        if event.kind is EventKind.DEVELOPMENT and event != DEVELOPMENT:
            raise EventLogError("the event development has another digest")
        events.append(event)
    return tuple(events)
