"""The circuits that ``ringfence measure`` measures: the DMA guard by itself, the merge before it, and the guard behind buses."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.policy_map import Format

__all__ = ["KINDS", "Bare", "circuits"]


@dataclass(frozen=True)
class Bare:
    """A circuit to be measured.

    ``kind``: one of ``KINDS``; ``requesters``: ports; ``formats`` and ``cached_words`` as of ``Guard``, none where there is no guard;
    ``make``: the component.
    """

    kind: str
    requesters: int
    formats: tuple[Format, ...]
    cached_words: int
    make: Callable[[], Any]

    @property
    def name(self) -> str:
        """Unlike any other's; of its folder too."""
        parts = [self.kind, str(self.requesters)]
        if self.formats:
            parts += ["_".join(f.name.lower() for f in self.formats), str(self.cached_words)]
        return "-".join(parts)


def _guard(requesters: int, formats: tuple[Format, ...], words: int) -> Any:
    from chipset.boards.bare_guard import BareGuard

    return BareGuard(requesters=requesters, cached_words=words, formats=formats)


def _merge(requesters: int, formats: tuple[Format, ...], words: int) -> Any:
    from chipset.boards.bare_guard import BareMerge

    return BareMerge(requesters)


def _axi4(requesters: int, formats: tuple[Format, ...], words: int) -> Any:
    from chipset.export.axi_guard import AxiGuard
    from chipset.export.settings import GuardSettings

    return AxiGuard(GuardSettings(requesters, formats, words))


def _wishbone(requesters: int, formats: tuple[Format, ...], words: int) -> Any:
    from chipset.export.settings import GuardSettings
    from chipset.export.wishbone_guard import WishboneGuard

    return WishboneGuard(GuardSettings(requesters, formats, words))


_MAKERS: dict[str, Callable[[int, tuple[Format, ...], int], Any]] = {
    "guard": _guard, "merge": _merge, "axi4": _axi4, "wishbone": _wishbone,
}  # fmt: skip
KINDS = tuple(_MAKERS)
_BUSES = ("axi4", "wishbone")


def circuits(kinds: Iterable[str], requesters: Sequence[int], formats: Sequence[tuple[Format, ...]], words: int) -> Iterator[Bare]:
    """The guard for each of ``requesters`` in each of ``formats``, of which a guard may have several; the merge for each of ``requesters``
    from two on; a bus's guard for each of ``requesters``, in the first of ``formats`` alone."""

    def circuit(kind: str, count: int, built: tuple[Format, ...]) -> Bare:
        return Bare(kind, count, built, words if built else 0, lambda: _MAKERS[kind](count, built, words))

    for kind in kinds:
        for count in requesters:
            if kind == "merge":
                if count > 1:
                    yield circuit(kind, count, ())
            else:
                for built in formats[:1] if kind in _BUSES else formats:
                    yield circuit(kind, count, built)
