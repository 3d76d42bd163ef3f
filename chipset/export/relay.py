"""Two places between a master and what serves it, so that no input of one bus reaches an output of another within a cycle."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Relay"]


class Relay(wiring.Component):
    """A queue of two: a transfer in every cycle, though ``ready`` and ``valid`` both come from flip-flops.

    Members
    -------
    items : stream of ``shape``, In; out : the same, Out, a cycle later
    more : Out(1): when what is offered now has been taken, something is offered in the next cycle
    """

    def __init__(self, shape: object) -> None:
        self._shape = shape
        super().__init__({"items": In(stream.Signature(shape)), "out": Out(stream.Signature(shape)), "more": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spare = Signal(self._shape)
        spare_valid = Signal()
        out = self.out
        m.d.comb += [self.items.ready.eq(~spare_valid), self.more.eq(spare_valid | self.items.valid)]
        with m.If(~spare_valid):
            m.d.sync += spare.eq(self.items.payload)
        with m.If(~out.valid | out.ready):
            m.d.sync += [out.valid.eq(self.more), out.payload.eq(Mux(spare_valid, spare, self.items.payload)), spare_valid.eq(0)]
        with m.Elif(self.items.valid):
            m.d.sync += spare_valid.eq(1)
        return m
