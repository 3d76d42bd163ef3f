"""Accesses that go straight to the bus: I/O, uncacheable memory, locked accesses. One or two words, each exactly once."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from contracts.bus import BusSignature, Space

__all__ = ["SingleAccess", "SingleRequest", "SingleSignature"]

_WORD = 32
_WORD_BYTES = 4


class SingleRequest(data.Struct):
    """An access to the word at ``first``, and then, if ``two``, to the word at ``second`` (word addresses)."""

    space: Space
    write: 1
    two: 1
    first: 30
    second: 30
    mask: 2 * _WORD_BYTES  # bytes of the first word, then of the second
    data: _WORD  # in the lanes of its bytes; the same for both words
    lock: 1  # the bus stays locked after the access
    lock_between: 1  # the bus stays locked between its words
    ring_minus_1: 1


class SingleSignature(wiring.Signature):
    """As the one who asks sees it: ``valid`` with ``request`` is held until ``done`` (one cycle), which brings ``data``, 64 bits."""

    def __init__(self) -> None:
        super().__init__({"valid": Out(1), "request": Out(SingleRequest), "done": In(1), "data": In(2 * _WORD)})


class SingleAccess(wiring.Component):
    """Makes the access; ``done`` comes with its last answer.

    Members
    -------
    asked : In(SingleSignature)
    bus : Out(BusSignature)
    """

    asked: In(SingleSignature())
    bus: Out(BusSignature())

    def elaborate(self, platform: object) -> Module:
        m = Module()
        request = self.asked.request
        second = Signal()
        last = Signal()
        low = Signal(_WORD)
        high = Signal(_WORD)
        m.d.comb += [
            last.eq(second | ~request.two),
            self.asked.data.eq(Cat(low, high)),
            self.bus.req.address.eq(Cat(Const(0, 2), Mux(second, request.second, request.first))),
            self.bus.req.space.eq(request.space),
            self.bus.req.write.eq(request.write),
            self.bus.req.mask.eq(request.mask.word_select(second, _WORD_BYTES)),
            self.bus.req.data.eq(request.data),
            self.bus.req.last.eq(1),
            self.bus.req.lock.eq(Mux(last, request.lock, request.lock_between | request.lock)),
            self.bus.req.authority.eq(request.ring_minus_1),
        ]
        with m.FSM():
            with m.State("ASK"):
                m.d.comb += self.bus.req_valid.eq(self.asked.valid)
                with m.If(self.asked.valid & self.bus.req_ready):
                    m.next = "ANSWER"
            with m.State("ANSWER"):
                with m.If(self.bus.rsp_valid):
                    with m.If(second):
                        m.d.sync += high.eq(self.bus.rsp.data)
                    with m.Else():
                        m.d.sync += low.eq(self.bus.rsp.data)
                    m.d.sync += second.eq(~last)
                    with m.If(last):
                        m.next = "DONE"
                    with m.Else():
                        m.next = "ASK"
            with m.State("DONE"):
                m.d.comb += self.asked.done.eq(1)
                m.next = "ASK"
        return m
