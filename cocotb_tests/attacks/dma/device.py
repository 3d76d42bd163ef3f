"""A DMA device that is either the machine's own engine, or whatever a test wants to do on the bus."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.dma_engine import DmaEngine
from chipset.interconnect.ports import RegisterSignature
from contracts.bus import BusSignature

__all__ = ["Device"]


class Device(wiring.Component):
    """Stands in the machine where a ``DmaEngine`` does.

    Members
    -------
    bus, block, irq, hold, idle : as of ``DmaEngine``
    raw : In(BusSignature), drives ``bus`` while ``taken_over`` In(1)
    """

    bus: Out(BusSignature())
    block: In(RegisterSignature())
    irq: Out(1)
    hold: In(1)
    idle: Out(1)
    raw: In(BusSignature())
    taken_over: In(1)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.engine = engine = DmaEngine()
        wiring.connect(m, wiring.flipped(self.block), engine.block)
        m.d.comb += [self.irq.eq(engine.irq), engine.hold.eq(self.hold), self.idle.eq(engine.idle)]
        for master, mine in ((engine.bus, ~self.taken_over), (self.raw, self.taken_over)):
            m.d.comb += [
                master.req_ready.eq(mine & self.bus.req_ready), master.rsp_valid.eq(mine & self.bus.rsp_valid), master.rsp.eq(self.bus.rsp),
            ]  # fmt: skip
            with m.If(mine):
                m.d.comb += [self.bus.req_valid.eq(master.req_valid), self.bus.req.eq(master.req)]
        return m
