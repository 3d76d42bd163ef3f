"""What the proofs of the bus wrappers have in common: how they promise, and how they look at the cycle before."""

from collections.abc import Sequence

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring

from cocotb_tests.claims import Claims

__all__ = ["WrapperHarness"]


class WrapperHarness(wiring.Component):
    """With a bug, only what the group in focus promises is looked at, not the invariants."""

    def _begin(self, m: Module, groups: Sequence[str], *, has_bug: bool, focus: str | None) -> None:
        """To be called before anything is claimed."""
        self._m, self._number = m, 0
        self._has_bug, self._focus = has_bug, focus
        self._claim = Claims(groups, None if has_bug else focus)

    def _promise(self, *claims: Value) -> None:
        """What is promised; by its signal's name a claim that fails is found in the waveform."""
        if self._has_bug and self._claim.group != self._focus:
            return
        for claim in claims:
            self._number += 1
            holds = Signal(init=1, name=f"{self._claim.group}_holds_{self._number}")
            self._m.d.comb += [holds.eq(claim), self._claim(holds)]

    def _lemma(self, *claims: Value) -> None:
        """What makes the promises inductive."""
        if not self._has_bug:
            self._promise(*claims)

    def _past(self, value: Value, name: str, init: int = 0) -> Signal:
        """The value of the cycle before."""
        past = Signal(len(Value.cast(value)), name=f"past_{name}", init=init)
        self._m.d.sync += past.eq(value)
        return past
