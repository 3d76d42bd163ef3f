"""Where DMA masters attach: each is stamped with its own number, and none speaks for ring −1."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.arbiter import round_robin
from contracts.bus import Authority, BusRequest, BusSignature, Space
from contracts.requesters import DMA_FIRST

__all__ = ["DmaMerge"]


class DmaMerge(wiring.Component):
    """Merges ``masters`` DMA masters into one stream, in turn, a burst write in one piece.

    Whatever a master says of itself is overwritten: its number, its authority, the space, the lock.

    Members
    -------
    masters : ``masters`` of In(BusSignature); their answers are not this unit's business
    out : stream of BusRequest, Out
    """

    def __init__(self, masters: int) -> None:
        self._count = masters
        super().__init__({"masters": In(BusSignature()).array(masters), "out": Out(stream.Signature(BusRequest))})

    def elaborate(self, platform) -> Module:
        m = Module()
        valid = Signal(self._count)
        last = Signal(range(max(self._count, 2)))
        held = Signal()
        owner = Signal(self._count)
        m.d.comb += valid.eq(Cat(p.req_valid for p in self.masters) & Mux(held, owner, (1 << self._count) - 1))
        grant = round_robin(m, valid, last)
        request = self.out.payload
        m.d.comb += self.out.valid.eq(grant.any())
        for n, master in enumerate(self.masters):
            with m.If(grant[n]):
                m.d.comb += [request.eq(master.req), request.requester.eq(DMA_FIRST + n), master.req_ready.eq(self.out.ready)]
        m.d.comb += [request.authority.eq(Authority.GUEST), request.space.eq(Space.MEMORY), request.lock.eq(0)]
        with m.If(self.out.valid & self.out.ready):
            m.d.sync += [held.eq((held | request.write) & ~request.last), owner.eq(grant)]
            for n in range(self._count):
                with m.If(grant[n]):
                    m.d.sync += last.eq(n)
        return m
