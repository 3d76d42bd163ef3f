"""What a proof asserts, in groups, so that the solver can be asked for one after the other."""

from collections.abc import Sequence

from amaranth.hdl import Assert, Assume, Cat, Module, Signal, Value

__all__ = ["Claims"]


class Claims:
    """Called with a claim it gives the statement for it, as Assert does; ``group`` names the group to which the next ones belong.

    ``focus`` is the group that is looked at, None all of them. The groups are proved as one induction: where one is looked at, those before
    it in ``groups`` are taken to hold in this cycle, and those after it in the cycle before. So each of them must be looked at.
    """

    def __init__(self, groups: Sequence[str], focus: str | None) -> None:
        if focus is not None and focus not in groups:
            raise ValueError(f"no group {focus!r}: {', '.join(groups)}")
        self.group = groups[0]
        self._groups, self._focus = groups, focus
        self._later: list[Signal] = []

    def __call__(self, claim: Value) -> object:
        if self._focus in (None, self.group):
            return Assert(claim, src_loc_at=1)
        if self._groups.index(self.group) < self._groups.index(self._focus):
            return Assume(claim, src_loc_at=1)
        held = Signal(init=1, name=f"{self.group}_{len(self._later)}")  # where it does not stand, it holds
        self._later.append(held)
        return held.eq(claim)

    def close(self, m: Module) -> None:
        """After the last claim: what is taken from the cycle before."""
        if self._later:
            before = Signal(init=1)
            m.d.sync += before.eq(Cat(self._later).all())
            m.d.comb += Assume(before)
