"""Seeded bugs of the wrappers: what an honest mistake would look like. Each must be found by the random traffic."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from amaranth.hdl import Const, Module, Signal

from chipset.dma_policy.checker import Checker
from chipset.dma_policy.registers import GuardRegisters
from chipset.export import axi_guard, axi_turns, wishbone_guard
from chipset.export.map_order import MapOrder

__all__ = ["BUGS", "seeded"]


class _Deaf(Checker):
    """Writes to the map are not reported: what is cached stays."""

    def elaborate(self, platform) -> Module:
        self.written = Signal.like(self.written)  # type: ignore[has-type]
        return super().elaborate(platform)


class _Blocking(Checker):
    """While the walker finds something out for one, all others wait."""

    def elaborate(self, platform) -> Module:
        m = super().elaborate(platform)
        with m.If(~self._walker.rests & ~self._walker.decided):
            m.d.comb += self.stalled.eq(-1)
        return m


class _Hasty(GuardRegisters):
    """A commit does not wait for what is in flight."""

    def elaborate(self, platform) -> Module:
        self.drained = Const(1)
        return super().elaborate(platform)


class _Careless(MapOrder):
    """Reads of the map and trusted writes pass each other."""

    def elaborate(self, platform) -> Module:
        m = Module()
        m.d.comb += [self.walk_may.eq(1), self.write_may.eq(1)]
        return m


class _Forgiving(MapOrder):
    """A trusted write that fails spoils no walk."""

    def elaborate(self, platform) -> Module:
        self.spoilt = Signal()
        return super().elaborate(platform)


class _Stubborn(MapOrder):
    """What has been found out counts although the write that it follows has failed."""

    def elaborate(self, platform) -> Module:
        self.forget = Signal()
        return super().elaborate(platform)


def _by_number(m: Module, valid: Signal, _last: Signal) -> Signal:
    """Whoever has the highest number comes first, always."""
    grant = Signal.like(valid)
    for n in range(len(valid)):
        with m.If(valid[n]):
            m.d.comb += grant.eq(1 << n)
    return grant


BUGS = {
    "deaf": ("Checker", _Deaf), "hasty": ("GuardRegisters", _Hasty), "careless": ("MapOrder", _Careless),
    "blocking": ("Checker", _Blocking), "unfair": ("round_robin", _by_number),
    "forgiving": ("MapOrder", _Forgiving), "stubborn": ("MapOrder", _Stubborn),
}  # fmt: skip


@contextmanager
def seeded(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With the bug of that name in both wrappers."""
    part, bad = BUGS[name]
    with monkeypatch.context() as patch:
        for module in (axi_guard, axi_turns, wishbone_guard):
            if hasattr(module, part):
                patch.setattr(module, part, bad)
        yield
