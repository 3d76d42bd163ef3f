"""The kernel's sealed storage with one check left out each: what the control runs are made of."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from contracts import tpm2
from contracts.event_log import Pcr
from contracts.machine import Machine
from contracts.sealed_storage import ANCHOR, ANCHOR_SIZE, COUNT, COUNT_SIZE, KEY_SIZE, Header
from contracts.tpm2 import Command, Handle
from isolation_kernel.sealing import PASSWORD, Sealing
from isolation_kernel.storage import Blobs, SealedStorage
from isolation_kernel.tpm import Tpm

__all__ = [
    "AnyAnchor", "AnyCount", "AnyIndex", "AnyLocality", "AnyObject", "CountsFirst", "EveryReader", "OneKey",
    "PolitelyAsks", "StaysOpen", "locality_left_out",
]  # fmt: skip


@contextmanager
def locality_left_out(tpm: Tpm, pcrs: Iterable[Pcr]) -> Iterator[tuple[int, bytes]]:
    """``isolation_kernel.sealing.policy`` without the locality."""
    session = tpm.run(Command.START_AUTH_SESSION, Handle.NULL, Handle.NULL, parameters=tpm2.POLICY_SESSION).handle
    if pcrs:
        tpm.run(Command.POLICY_PCR, session, parameters=tpm2.sized(b"") + tpm2.pcr_selection(pcrs))
    yield session, tpm.run(Command.POLICY_GET_DIGEST, session).first
    tpm.run(Command.FLUSH_CONTEXT, parameters=tpm2.handle(session))


class AnyLocality(Sealing):
    """Made for whoever speaks to the TPM while the launch lasts."""

    def _policy(self) -> AbstractContextManager[tuple[int, bytes]]:
        return locality_left_out(self._tpm, (Pcr.LAUNCH, Pcr.KERNEL))


class AnyObject(Sealing):
    """Does not look at what the TPM's indexes are."""

    def read(self) -> tuple[int, bytes]:
        values = []
        for index, size in ((COUNT, COUNT_SIZE), (ANCHOR, ANCHOR_SIZE)):
            whole = size.to_bytes(2, "big") + bytes(2)
            values.append(self._tpm.run(Command.NV_READ, index, index, parameters=whole, sessions=PASSWORD).first)
        return int.from_bytes(values[0], "big"), values[1]


class OneKey(Sealing):
    """One key for all blobs."""

    def __init__(self, tpm: Tpm) -> None:
        super().__init__(tpm)
        self.random = lambda size: b"1" * size if size == KEY_SIZE else tpm.random(size)


class AnyCount(SealedStorage):
    """Does not ask the TPM's counter."""

    def _in_force(self, header: Header, count: int, anchor: bytes) -> bool:
        return super()._in_force(header._replace(change=count), count, anchor)


class AnyAnchor(SealedStorage):
    """Does not ask for the epoch."""

    def _in_force(self, header: Header, count: int, anchor: bytes) -> bool:
        return header.change == count


class AnyIndex(SealedStorage):
    """Takes the first index that is whole."""

    def _in_force(self, header: Header, count: int, anchor: bytes) -> bool:
        return True


class _Everybody(tuple[bytes, ...]):
    def __contains__(self, _: object) -> bool:
        return True


class EveryReader(SealedStorage):
    """Lets everybody read."""

    def _opened(self) -> Blobs:
        return {place: replace(entry, readers=_Everybody()) for place, entry in super()._opened().items()}


class StaysOpen(SealedStorage):
    """Goes on after a change that failed."""

    def _commit(self, blobs: Blobs) -> None:
        before = self._blobs
        try:
            super()._commit(blobs)
        finally:
            self._blobs = before if self._blobs is None else self._blobs


class CountsFirst(SealedStorage):
    """Has the TPM count a change before it lies on the disk."""

    def _commit(self, blobs: Blobs) -> None:
        self._sealing.increment()
        self._store(1 - self._which, self._count + 1, blobs)
        self._which, self._count, self._blobs = 1 - self._which, self._count + 1, blobs


class PolitelyAsks(Tpm):
    """Takes the TPM from nobody, and is not too patient."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine, looks=1000)

    def _write(self, name: str, flag: str) -> None:
        if flag != "SEIZE":
            super()._write(name, flag)
