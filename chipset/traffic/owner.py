"""The owner of a policy, as a circuit: fills memory, a map among it, then puts the policy in force."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.ports import RegisterSignature
from chipset.memory_controller.ram import WORD_BYTES
from contracts.bus import Authority, BusSignature
from contracts.policy_map import GUARD

__all__ = ["Extent", "PolicyMaps", "PolicyOwner"]

_DUE_BITS = 6  # more words than any path to memory keeps under way
_WORD_LSB = WORD_BYTES.bit_length() - 1


@dataclass(frozen=True)
class Extent:
    """``size`` bytes of memory from byte address ``base`` on; whole words."""

    base: int
    size: int


@dataclass(frozen=True)
class PolicyMaps:
    """``count`` maps of ``size`` bytes each, a power of two, one after another from ``base`` on; ValueError if that is not aligned."""

    base: int
    size: int
    count: int = 1

    def __post_init__(self) -> None:
        if self.size & (self.size - 1) or self.base % self.size:
            raise ValueError(f"maps of {self.size} bytes at {self.base:#x}: a power of two of bytes, and at a multiple of it, is needed")

    @property
    def extent(self) -> Extent:
        """All of them."""
        return Extent(self.base, self.size * self.count)


class PolicyOwner(wiring.Component):
    """From reset on, without being asked: writes every word of some extents, then the guard's registers.

    Parameters
    ----------
    fill : what is written; the maps must lie in it
    maps : one for all requesters, or one for each

    Members
    -------
    address : Out(32), of a word; word : In(32), combinational: what is to be written there
    map_format : In(2)
    bus : Out(BusSignature), of a master that the guard believes; block : Out(RegisterSignature), the guard's registers
    ready : Out(1), the policy is in force
    """

    def __init__(self, *, fill: Sequence[Extent], maps: PolicyMaps) -> None:
        self._fill, self._maps = fill, maps
        super().__init__({
            "address": Out(32), "word": In(32), "map_format": In(2), "bus": Out(BusSignature()), "block": Out(RegisterSignature()),
            "ready": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        request, block, maps = self.bus.req, self.block, self._maps
        due = Signal(_DUE_BITS)  # answers
        at = Signal(32, init=self._fill[0].base)
        number = Signal(range(max(maps.count, 2)))  # of the map
        m.d.comb += [
            self.address.eq(at),
            request.address.eq(at), request.data.eq(self.word), request.write.eq(1), request.mask.eq(-1), request.last.eq(1),
            request.authority.eq(Authority.RING_MINUS_1),
            block.write.eq(1),
        ]  # fmt: skip
        m.d.sync += due.eq(due + (self.bus.req_valid & self.bus.req_ready) - self.bus.rsp_valid)
        with m.FSM():
            for n, extent in enumerate(self._fill):
                with m.State(f"FILL{n}"):
                    m.d.comb += self.bus.req_valid.eq(1)
                    with m.If(self.bus.req_ready):
                        m.d.sync += at.eq(at + WORD_BYTES)
                        with m.If(at == extent.base + extent.size - WORD_BYTES):
                            if n + 1 < len(self._fill):
                                m.d.sync += at.eq(self._fill[n + 1].base)
                                m.next = f"FILL{n + 1}"
                            else:
                                m.next = "ANSWERS"
            with m.State("ANSWERS"):
                with m.If(due == 0):
                    m.next = "BASE"
            with m.State("BASE"):
                m.d.comb += [
                    block.valid.eq(1), block.address.eq(_register("MAP_BASE", number)),
                    block.write_data.eq(maps.base + (number << maps.size.bit_length() - 1)),
                ]  # fmt: skip
                with m.If(block.ready):
                    m.next = "LENGTH"
            with m.State("LENGTH"):
                m.d.comb += [block.valid.eq(1), block.address.eq(_register("MAP_LENGTH", number)), block.write_data.eq(maps.size)]
                with m.If(block.ready):
                    m.d.sync += number.eq(number + 1)
                    m.next = "BASE"
                    with m.If(number == maps.count - 1):
                        m.next = "ENABLE"
            with m.State("ENABLE"):
                control = GUARD["CONTROL"]
                m.d.comb += [
                    block.valid.eq(1), block.address.eq(_register("CONTROL")),
                    block.write_data.eq(control.field("ENABLE").put(1) | (self.map_format << control.field("FORMAT").lsb)),
                ]  # fmt: skip
                with m.If(block.ready):
                    m.next = "READY"
            with m.State("READY"):
                m.d.comb += self.ready.eq(1)
        return m


def _register(name: str, number: Any = 0) -> Any:
    """Word address of a register."""
    register = GUARD[name]
    return (register.offset + number * register.stride) >> _WORD_LSB
