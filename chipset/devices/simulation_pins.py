"""Ports of a device's far side with flat pins, for tops that a simulator's host side sees."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Member, Out

__all__ = ["SimulationPins"]


class SimulationPins(wiring.Component):
    """A component that a top shows.

    Attributes
    ----------
    prefix : of its members' names as pins
    inside : names of the members that are no pins: they are joined to the device
    """

    prefix: str
    inside: frozenset[str]

    def pins(self) -> dict[str, Member]:
        """What a top has to show: each member as ``prefix`` and its name."""
        return {f"{self.prefix}{name}": member for name, member in self.signature.members.items() if name not in self.inside}

    def join(self, m: Module, top: wiring.Component) -> None:
        """Joins them to a top's, which is made of the same."""
        for pin, member in self.pins().items():
            outer, inner = getattr(top, pin), getattr(self, pin.removeprefix(self.prefix))
            m.d.comb += outer.eq(inner) if member.flow == Out else inner.eq(outer)
