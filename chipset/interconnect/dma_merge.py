"""Where DMA masters attach: their requests become one stream."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.arbiter import encoded, round_robin
from chipset.interconnect.dma_port import DmaPort
from contracts.bus import BusRequest, BusSignature

__all__ = ["DmaMerge"]


class DmaMerge(wiring.Component):
    """A port for each of ``masters`` DMA masters; they are served in turn, a burst write in one piece.

    Members
    -------
    masters : ``masters`` of In(BusSignature); their answers are not this unit's business
    stalled : In(masters), whom to pass over for now, though not within a burst
    out : stream of BusRequest, Out; while ``ready`` is 0 it may change to another master's
    """

    def __init__(self, masters: int) -> None:
        self._count = masters
        super().__init__({
            "masters": In(BusSignature()).array(masters), "stalled": In(masters), "out": Out(stream.Signature(BusRequest)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        ports = [DmaPort(n) for n in range(self._count)]
        valid = Signal(self._count)
        chosen = Signal(range(max(self._count, 2)))
        last = Signal.like(chosen)
        held = Signal()
        owner = Signal(self._count)
        m.d.comb += valid.eq(Cat(port.out.valid for port in ports) & Mux(held, owner, ~self.stalled))
        grant = round_robin(m, valid, last)
        m.d.comb += [
            self.out.valid.eq(grant.any()),
            # Coded, so that the multiplexer, the largest part of this, has few levels; where nothing is granted it does not matter.
            chosen.eq(encoded(grant)),
            self.out.payload.eq(Array(port.out.payload for port in ports)[chosen]),
        ]
        for n, port in enumerate(ports):
            m.submodules[f"port{n}"] = port
            wiring.connect(m, wiring.flipped(self.masters[n]), port.master)
            m.d.comb += port.out.ready.eq(grant[n] & self.out.ready)
        request = self.out.payload
        with m.If(self.out.valid & self.out.ready):
            m.d.sync += [held.eq((held | request.write) & ~request.last), owner.eq(grant), last.eq(chosen)]
        return m
