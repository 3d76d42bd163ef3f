"""What a control run lacks: one thing that is switched off, or one check that is left out, by its name."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any

from chipset.boards.straps import Strap
from contracts.protections import Protections
from contracts.sealed_storage import INDEXES, Header
from isolation_kernel import storage
from isolation_kernel.sealing import Sealing
from isolation_kernel.storage import SealedStorage
from sim.bank.remote import ANSWER_CHECKS, PAYMENT_CHECKS
from sim.unchecked_store import AnyRegisters, AnyTag
from verifier.judge import CHECKS

__all__ = ["Missing", "missing"]

_CIPHER = "AESGCM"  # what the room calls it
_MESSAGE = "guests/bank/message.c"
_TAG = "return same(tag, message->tag, DIGEST_SIZE);"
_NEW = "return order->number > account->counter;"


class AnyIndex(SealedStorage):
    """Asks neither the TPM's counter nor its anchor: takes the newest index that is whole, however old."""

    def _unlock(self) -> tuple[int, bytes]:
        count, anchor = super()._unlock()
        whole = [found[1].change for found in map(self._load, range(INDEXES)) if found is not None]
        return max(whole, default=count), anchor

    def _in_force(self, header: Header, count: int, anchor: bytes) -> bool:
        return header.change == count


@contextmanager
def any_tag() -> Iterator[None]:
    """Sealed storage whose cipher checks nothing."""
    real = getattr(storage, _CIPHER)
    setattr(storage, _CIPHER, AnyTag)
    try:
        yield
    finally:
        setattr(storage, _CIPHER, real)


@dataclass(frozen=True)
class Missing:
    """All that can be off. ``guest``: changes of the trusted guest's source; ``checks``: names of checks of the bank or of the verifier."""

    names: tuple[str, ...] = ()
    protections: Protections = field(default_factory=Protections)
    straps: Strap = Strap(0)
    sealing: type[Sealing] = Sealing
    storage: type[SealedStorage] = SealedStorage
    tags: bool = True
    guest: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    checks: frozenset[str] = frozenset()


_OTHERS: dict[str, dict[str, Any]] = {
    "sealing_registers": {"sealing": AnyRegisters},
    "sealing_counter": {"storage": AnyIndex},
    "sealing_tags": {"tags": False},
    "guest_checks_tags": {"guest": {_MESSAGE: {_TAG: "return 1;"}}},
    "guest_checks_numbers": {"guest": {_MESSAGE: {_NEW: "return order->number > 0 * account->counter;"}}},
}
_CHECKS = {check.__name__ for check in (*PAYMENT_CHECKS, *ANSWER_CHECKS, *CHECKS)}


def missing(names: Iterable[str]) -> Missing:
    """What is missing without these. ValueError for a name that is nothing's."""
    chosen = tuple(names)
    kernel = [n for n in chosen if n in {f.name for f in fields(Protections)}]
    straps = Strap(sum(Strap[n] for n in chosen if n in Strap.__members__))
    values: dict[str, Any] = {}
    for name in chosen:
        values |= _OTHERS.get(name, {})
    known = {*kernel, *Strap.__members__, *_OTHERS, *_CHECKS}
    if unknown := [name for name in chosen if name not in known]:
        raise ValueError(f"nothing is called {', '.join(unknown)}")
    checks = frozenset(n for n in chosen if n in _CHECKS)
    return Missing(chosen, Protections.without(*kernel), straps, checks=checks, **values)
