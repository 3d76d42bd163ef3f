"""Logic laid out in look-up tables of four inputs, where a path is too long to leave that to synthesis.

Synthesis takes logic apart and joins it anew, for fewer tables as long as it believes that there is time; of distributed RAM, and of the
way to its address, it does not know how long they take. A ``Net`` is where it can be made to stop: what is a function of four nets or
flip-flops is one table then. Elsewhere a net is nothing.
"""

from collections.abc import Sequence

from amaranth.hdl import Const, Instance, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["NET_CELL", "Net", "StopsAtNets", "all_of", "any_of", "equal_pairs", "groups_of", "net"]

NET_CELL = "RINGFENCE_NET"
_INPUTS = 4  # of a table
_PAIR = _INPUTS // 2  # of bits that a table compares


class StopsAtNets:
    """The platform of a synthesis that stops at nets: each is a cell ``NET_CELL`` from A to Y, which its script deals with."""


class Net(wiring.Component):
    """``o`` Out(1) is ``i`` In(1)."""

    i: In(1)
    o: Out(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if isinstance(platform, StopsAtNets):
            m.submodules.cell = Instance(NET_CELL, i_A=self.i, o_Y=self.o)
        else:
            m.d.comb += self.o.eq(self.i)
        return m


def net(m: Module, value: Value, name: str) -> Value:
    """``value``, of 1 bit, on a net."""
    m.submodules[f"net_{name}"] = made = Net()
    m.d.comb += made.i.eq(value)
    return made.o


def equal_pairs(m: Module, one: Value, other: Value, name: str) -> list[Value]:
    """Nets that are all 1 where both, of the same width, are equal: one for each two bits."""
    return [net(m, one[n : n + _PAIR] == other[n : n + _PAIR], f"{name}{n}") for n in range(0, len(one), _PAIR)]


def groups_of(m: Module, terms: Sequence[Value], name: str) -> list[Value]:
    """Nets that are all 1 where all of ``terms`` are: one for each four of those."""
    return [net(m, all_of(terms[n : n + _INPUTS]), f"{name}{n}") for n in range(0, len(terms), _INPUTS)]


def all_of(terms: Sequence[Value]) -> Value:
    """1 where all of ``terms`` are."""
    result: Value = Const(1)
    for term in terms:
        result = result & term
    return result


def any_of(m: Module, terms: Sequence[Value], name: str) -> Value:
    """1 where any of ``terms`` is: nets of four, and of four of those, until four at most are left."""
    while len(terms) > _INPUTS:
        terms = [net(m, _any(terms[n : n + _INPUTS]), f"{name}{len(terms)}_{n}") for n in range(0, len(terms), _INPUTS)]
    return _any(terms)


def _any(terms: Sequence[Value]) -> Value:
    result: Value = Const(0)
    for term in terms:
        result = result | term
    return result
