"""The six arithmetic flags as function units give them, and how they enter EFLAGS."""

from amaranth import Mux, Value
from amaranth.hdl import Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.flags import Eflags
from rtl.execute.operand import cut, parity_even, sign
from rtl.microcode.uop import FlagGroup

__all__ = ["ArithmeticFlags", "FlagMerge", "arithmetic_of", "result_flags"]

_NAMES = ("cf", "pf", "af", "zf", "sf", "of")


class ArithmeticFlags(data.Struct):
    """The arithmetic flags, or one mask bit for each."""

    cf: 1
    pf: 1
    af: 1
    zf: 1
    sf: 1
    of: 1


def arithmetic_of(eflags: data.View) -> dict[str, Value]:
    """The arithmetic flags of EFLAGS, by name."""
    return {name: getattr(eflags, name) for name in _NAMES}


def result_flags(m: Module, flags: data.View, result: Value, width: Value) -> None:
    """Drive ``zf``, ``sf`` and ``pf`` from a result (its bits above the width do not matter)."""
    m.d.comb += [
        flags.zf.eq(cut(result, width) == 0),
        flags.sf.eq(sign(result, width)),
        flags.pf.eq(parity_even(result)),
    ]


class FlagMerge(wiring.Component):
    """EFLAGS after a micro-op. Combinational.

    Members
    -------
    group : In(FlagGroup)
        Which flags the micro-op writes.
    eflags : In(Eflags)
        Before it.
    value, mask : In(ArithmeticFlags)
        The unit's flags, and which of them it defines (a shift by 0 defines none). ``mask`` restricts every group.
    result : Out(Eflags)
    """

    group: In(FlagGroup)
    eflags: In(Eflags)
    value: In(ArithmeticFlags)
    mask: In(ArithmeticFlags)
    result: Out(Eflags)

    def elaborate(self, platform: object) -> Module:
        """Select and merge."""
        m = Module()
        every = self.group == FlagGroup.ALL
        not_cf = self.group == FlagGroup.NOT_CF
        written = dict.fromkeys(_NAMES, every | not_cf)
        written["cf"] = every | (self.group == FlagGroup.CF)
        written["zf"] = every | not_cf | (self.group == FlagGroup.ZF)
        m.d.comb += self.result.eq(self.eflags)
        for name in _NAMES:
            merged = Mux(written[name] & getattr(self.mask, name), getattr(self.value, name), getattr(self.eflags, name))
            m.d.comb += getattr(self.result, name).eq(merged)
        return m
