"""The guard's registers on Wishbone."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.export.wishbone_bus import WishboneSignature
from chipset.interconnect.ports import REGISTER_ADDRESS_WIDTH, RegisterSignature

__all__ = ["WishboneRegisters"]

_WORD_LSB = 2


class WishboneRegisters(wiring.Component):
    """One access at a time; the master holds it until its answer. A write of less than a word changes nothing and ends with an error.

    Members
    -------
    bus : In(WishboneSignature); block : Out(RegisterSignature)
    """

    def __init__(self) -> None:
        super().__init__({"bus": In(WishboneSignature()), "block": Out(RegisterSignature())})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus, block = self.bus, self.block
        asks, whole, ends = Signal(), Signal(), Signal()
        answered, failed = Signal(), Signal()
        m.d.comb += [
            asks.eq(bus.cyc & bus.stb & ~answered),
            whole.eq(~bus.request.we | bus.request.sel.all()),
            block.valid.eq(asks & whole),
            block.write.eq(bus.request.we),
            block.write_data.eq(bus.request.dat),
            block.address.eq(bus.request.adr[_WORD_LSB : _WORD_LSB + REGISTER_ADDRESS_WIDTH]),
            ends.eq(asks & (~whole | block.ready)),
            bus.ack.eq(bus.cyc & bus.stb & answered & ~failed),
            bus.err.eq(bus.cyc & bus.stb & answered & failed),
        ]
        m.d.sync += [answered.eq(ends), failed.eq(~whole), bus.dat.eq(block.read_data)]
        return m
