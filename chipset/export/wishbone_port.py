"""Where one Wishbone master attaches: a register that keeps what it has asked for."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.export.wishbone_bus import WishboneRequest, WishboneSignature

__all__ = ["WishbonePort"]


class WishbonePort(wiring.Component):
    """An access is done as it was first seen, whatever its master does with its signals meanwhile.

    Members
    -------
    bus : In(WishboneSignature)
    wants : Out(1), ``request`` Out(WishboneRequest) holds still until it ``ends`` In(1), with ``error`` In(1) and ``data`` In(32)
    """

    def __init__(self) -> None:
        super().__init__({
            "bus": In(WishboneSignature()), "wants": Out(1), "request": Out(WishboneRequest),
            "ends": In(1), "error": In(1), "data": In(32),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus = self.bus
        asks, answers = Signal(), Signal()
        m.d.comb += [
            asks.eq(bus.cyc & bus.stb),
            answers.eq(asks & self.ends),
            bus.ack.eq(answers & ~self.error),
            bus.err.eq(answers & self.error),
            # Data come with an answer alone: nobody watches what others read.
            bus.dat.eq(Mux(self.ends, self.data, -1)),
        ]
        with m.If(self.wants):
            m.d.sync += self.wants.eq(~self.ends)
        with m.Else():
            m.d.sync += [self.wants.eq(asks), self.request.eq(bus.request)]
        return m
