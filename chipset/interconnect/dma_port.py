"""Where one DMA master attaches: a register that stamps who asks, and holds bursts to their line."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from contracts.bus import BURST_WORDS, Authority, BusRequest, BusSignature, Space
from contracts.requesters import DMA_FIRST

__all__ = ["DmaPort"]

_LINE_LSB = 4


class DmaPort(wiring.Component):
    """One register between a master and the merge.

    Whatever a master says of itself is overwritten: its number, its authority, the space, the lock. A burst covers the line of its
    first word; where its later words go is not the master's to say.

    Nor is it how long a burst write takes, during which nobody else gets to memory: what is not a burst write has one beat, a burst write
    at most ``BURST_WORDS``, and one that pauses between its beats (which the bus forbids) is ended there by a beat that writes nothing.
    Beats that come later begin a request of their own.

    Parameters
    ----------
    number : of the DMA requester, from 0

    Members
    -------
    master : In(BusSignature); its answers are not this unit's business
    out : stream of BusRequest, Out
    """

    def __init__(self, number: int) -> None:
        self._number = number
        super().__init__({
            "master": In(BusSignature()), "out": Out(stream.Signature(BusRequest)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        master, held = self.master, self.out.payload
        request = Signal(BusRequest)
        taken = Signal()
        inside = Signal()  # further beats of a burst write are to come
        cut = Signal()  # of which the next one does not come
        final = Signal()
        m.d.comb += [
            master.req_ready.eq(~self.out.valid | self.out.ready),
            cut.eq(inside & ~master.req_valid),
            taken.eq((master.req_valid | cut) & master.req_ready),
            final.eq(Mux(inside, held.address[2:_LINE_LSB] == BURST_WORDS - 2, ~(master.req.write & master.req.burst))),
            request.eq(master.req),
            request.last.eq(master.req.last | final | cut),
            request.requester.eq(DMA_FIRST + self._number), request.authority.eq(Authority.GUEST),
            request.space.eq(Space.MEMORY), request.lock.eq(0),
        ]  # fmt: skip
        with m.If(self.out.ready):
            m.d.sync += self.out.valid.eq(0)
        with m.If(taken):
            m.d.sync += [self.out.valid.eq(1), inside.eq((inside | request.write) & ~request.last)]
            with m.If(inside):
                m.d.sync += [
                    held.data.eq(request.data), held.mask.eq(Mux(cut, 0, request.mask)), held.last.eq(request.last),
                    held.address[2:_LINE_LSB].eq(held.address[2:_LINE_LSB] + 1),
                ]  # fmt: skip
            with m.Else():
                m.d.sync += held.eq(request)
                with m.If(request.burst):
                    m.d.sync += held.address[:_LINE_LSB].eq(0)
        return m
