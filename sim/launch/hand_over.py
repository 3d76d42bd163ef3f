"""The kernel's end of the hand-over from the secure loader (``contracts.secure_loader``), over the host link."""

import hashlib
import struct
from dataclasses import dataclass

from contracts.event_log import DIGEST_SIZE, Event, EventKind, EventLogError, decode
from contracts.late_launch import LENGTH_OFFSET
from contracts.memory_map import Physical
from contracts.policy_map import GUARD
from contracts.registers import WORD_SIZE
from contracts.secure_loader import LOG_OFFSET, MAP_OFFSET, LoaderStatus, Record
from sim.link import LinkError, LinkMachine

__all__ = ["HandOver", "LaunchError", "hand_over"]

_LOG_LIMIT = MAP_OFFSET - LOG_OFFSET
_UNKNOWN = "the secure loader does not say what has become of it"
_WHY: dict[LoaderStatus | None, str] = {
    LoaderStatus.STUB_REFUSED: "the secure loader refuses the stub: its place or its size is impossible",
    LoaderStatus.KERNEL_REFUSED: "the secure loader refuses the place of ring -1's memory",
    LoaderStatus.TPM_REFUSED: "the TPM is there, and has not taken a measurement: nothing has been started",
}


class LaunchError(RuntimeError):
    """The late launch has come to nothing; the message is one line."""


@dataclass(frozen=True)
class HandOver:
    """What the loader has left: where its block lies, whether all is in the TPM, and the events: of the launch, as the block still shows
    it, and those that the loader says it has measured."""

    block: int
    measured: bool
    events: tuple[Event, ...]

    def report(self) -> dict[str, object]:
        """For reports."""
        events = [{"event": event.kind.name.lower(), "pcr": event.kind.pcr, "digest": event.digest.hex()} for event in self.events]
        return {"block": self.block, "measured": self.measured, "events": events}


def hand_over(link: LinkMachine, ring_minus_1: int, kernel: bytes, max_cycles: int | None = None) -> HandOver:
    """Tell the loader where ring −1's memory begins and the digest of the kernel; return when the stub that it has started waits.

    LaunchError if there is no loader at the mailbox, or if it gives up; MachineEnded if the machine ends instead, or after ``max_cycles``.
    What has been launched only the TPM can tell: whoever ran before can have written all of this himself.
    """
    if len(kernel) != DIGEST_SIZE:
        raise ValueError(f"a digest of {len(kernel)} bytes")
    link.wait(max_cycles)
    block = link.read32(Physical.GUARD + GUARD["LAUNCH_BASE"].offset)
    if _status(link, block) is not LoaderStatus.BEGUN:
        raise LaunchError("what waits at the mailbox is no secure loader")
    for word in (ring_minus_1, *(word for (word,) in struct.iter_unpack("<I", kernel))):
        link.answer(word)
        link.wait(max_cycles)
    status = _status(link, block)
    if status not in (LoaderStatus.MEASURED, LoaderStatus.NO_TPM):
        raise LaunchError(_WHY.get(status, _UNKNOWN))
    size = link.read32(block + Record.LOG_SIZE)
    if size > _LOG_LIMIT or size % WORD_SIZE:
        raise LaunchError("the secure loader's event log has an impossible size")
    try:
        events = decode(link.read_block(block + LOG_OFFSET, size))
    except EventLogError as error:
        raise LaunchError(f"the secure loader's event log: {error}") from None
    return HandOver(block, status is LoaderStatus.MEASURED, (_launch(link, block), *events))


def _launch(link: LinkMachine, block: int) -> Event:
    """What SKINIT has measured: nothing writes to it behind that, the loader least of all."""
    length = link.read32(block) >> 8 * LENGTH_OFFSET
    measured = link.read_block(block, -(-length // WORD_SIZE) * WORD_SIZE)[:length]
    return Event(EventKind.BLOCK, hashlib.sha256(measured).digest())


def _status(link: LinkMachine, block: int) -> LoaderStatus | None:
    try:
        word = link.read32(block + Record.STATUS)
    except LinkError:  # no RAM is there
        return None
    return LoaderStatus(word) if word in LoaderStatus.__members__.values() else None
