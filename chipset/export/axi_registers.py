"""The guard's registers on AXI4-Lite."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.export.axi_bus import AxiLiteSignature, Response
from chipset.interconnect.ports import REGISTER_ADDRESS_WIDTH, RegisterSignature

__all__ = ["REGISTER_SPACE_WIDTH", "AxiRegisters"]

_WORD_LSB = 2
REGISTER_SPACE_WIDTH = REGISTER_ADDRESS_WIDTH + _WORD_LSB  # byte addresses of the block


class AxiRegisters(wiring.Component):
    """One access at a time, reads and writes in turn. A write of less than a word changes nothing and is answered SLVERR.

    Members
    -------
    bus : In(AxiLiteSignature); block : Out(RegisterSignature)
    """

    def __init__(self) -> None:
        super().__init__({"bus": In(AxiLiteSignature(REGISTER_SPACE_WIDTH)), "block": Out(RegisterSignature())})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus, block = self.bus, self.block
        whole = Signal()
        last_write = Signal()
        writes = bus.aw.valid & bus.w.valid & (~last_write | ~bus.ar.valid)
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [
                    block.write.eq(writes), block.write_data.eq(bus.w.payload.data), whole.eq(bus.w.payload.strb.all()),
                    block.address.eq(Mux(writes, bus.aw.payload.addr, bus.ar.payload.addr)[_WORD_LSB:]),
                ]  # fmt: skip
                with m.If(writes):
                    m.next = "TAKE_WRITE"
                with m.Elif(bus.ar.valid):
                    m.next = "TAKE_READ"
            with m.State("TAKE_WRITE"):
                m.d.comb += [bus.aw.ready.eq(1), bus.w.ready.eq(1)]
                m.d.sync += last_write.eq(1)
                m.next = "ACCESS"
            with m.State("TAKE_READ"):
                m.d.comb += bus.ar.ready.eq(1)
                m.d.sync += last_write.eq(0)
                m.next = "ACCESS"
            with m.State("ACCESS"):
                m.d.comb += block.valid.eq(~block.write | whole)
                m.d.sync += [
                    bus.r.payload.data.eq(block.read_data), bus.r.payload.resp.eq(Response.OKAY),
                    bus.b.payload.resp.eq(Mux(whole, Response.OKAY, Response.SLVERR)),
                ]  # fmt: skip
                with m.If(~block.valid | block.ready):
                    m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += [bus.b.valid.eq(block.write), bus.r.valid.eq(~block.write)]
                with m.If(Mux(block.write, bus.b.ready, bus.r.ready)):
                    m.next = "IDLE"
        return m
