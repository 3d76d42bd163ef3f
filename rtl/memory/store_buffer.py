"""Stores on their way to memory, in program order."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import data, fifo, wiring
from amaranth.lib.wiring import In, Out

from contracts.bus import BusSignature, Space

__all__ = ["Store", "StoreBuffer"]


class Store(data.Struct):
    """One word, or a part of it."""

    word: 30  # physical address bits 31:2
    mask: 4
    data: 32
    ring_minus_1: 1  # authority when it was made


class StoreBuffer(wiring.Component):
    """``depth`` stores. A store leaves when the bus accepts it; the bus keeps a requester's order, so later reads see it.

    Members
    -------
    push : In(1), ``store`` In(Store): not while ``full``
    full, empty : Out(1)
    bus : Out(BusSignature)
    """

    def __init__(self, *, depth: int) -> None:
        if depth < 1:
            raise ValueError("a store buffer needs room for one store at least")
        self._depth = depth
        super().__init__({"push": In(1), "store": In(Store), "full": Out(1), "empty": Out(1), "bus": Out(BusSignature())})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = fifo.SyncFIFO(width=Store.as_shape().size, depth=self._depth)
        oldest = Signal(Store)
        m.d.comb += [
            queue.w_en.eq(self.push),
            queue.w_data.eq(self.store),
            queue.r_en.eq(self.bus.req_ready),
            oldest.eq(queue.r_data),
            self.full.eq(~queue.w_rdy),
            self.empty.eq(~queue.r_rdy),
            self.bus.req_valid.eq(queue.r_rdy),
            self.bus.req.address.eq(Cat(Const(0, 2), oldest.word)),
            self.bus.req.space.eq(Space.MEMORY),
            self.bus.req.write.eq(1),
            self.bus.req.mask.eq(oldest.mask),
            self.bus.req.data.eq(oldest.data),
            self.bus.req.last.eq(1),
            self.bus.req.authority.eq(oldest.ring_minus_1),
        ]
        return m
