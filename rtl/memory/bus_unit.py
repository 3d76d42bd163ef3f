"""The processor's one port to the bus: who goes first, who gets which answer, who holds the lock."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import enum, fifo, wiring
from amaranth.lib.wiring import In, Out

from contracts.bus import BusSignature
from contracts.requesters import Requester

__all__ = ["BusUnit", "Source"]

_OUTSTANDING = 8


class Source(enum.IntEnum, shape=3):
    """Who asks, the most urgent first. Stores lead, so every read comes after all older stores."""

    STORE = 0
    SINGLE = 1
    FILL = 2
    WALK = 3
    LINE = 4


class BusUnit(wiring.Component):
    """Joins the processor's units to one bus. Several requests may be under way; answers come back in order and go to their askers.

    *Locks.* While the page walker is between its locked read and its write, it alone is served. While the data side holds the lock
    (``single``), the others may still read, and their requests carry ``lock`` too, so that the bus is not given away between.

    Members
    -------
    store, single, fill, walk, line : In(BusSignature)
    bus : Out(BusSignature)
    data_locked : Out(1), the data side's lock is in force
    stores_pending : Out(1), a store has been accepted and not been answered
    """

    store: In(BusSignature())
    single: In(BusSignature())
    fill: In(BusSignature())
    walk: In(BusSignature())
    line: In(BusSignature())
    bus: Out(BusSignature())
    data_locked: Out(1)
    stores_pending: Out(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        ports = {
            Source.STORE: self.store, Source.SINGLE: self.single, Source.FILL: self.fill, Source.WALK: self.walk, Source.LINE: self.line,
        }  # fmt: skip
        m.submodules.askers = askers = fifo.SyncFIFO(width=Source.as_shape().width, depth=_OUTSTANDING)

        # Choice; kept while the bus has not accepted it.
        walk_locked = Signal()
        first = Signal(Source, init=Source.LINE)
        wanted = Signal()
        for source, port in reversed(ports.items()):
            allowed = 1 if source is Source.WALK else ~walk_locked
            with m.If(port.req_valid & allowed):
                m.d.comb += [first.eq(source), wanted.eq(1)]
        offered = Signal()
        kept = Signal(Source)
        choice = Signal(Source)
        accepted = Signal()
        m.d.comb += [
            choice.eq(Mux(offered, kept, first)),
            self.bus.req_valid.eq((offered | wanted) & askers.w_rdy),
            accepted.eq(self.bus.req_valid & self.bus.req_ready),
        ]
        m.d.sync += [kept.eq(choice), offered.eq(self.bus.req_valid & ~self.bus.req_ready)]

        with m.Switch(choice):
            for source, port in ports.items():
                with m.Case(source):
                    m.d.comb += [self.bus.req.eq(port.req), port.req_ready.eq(accepted)]
                    if source is not Source.SINGLE:
                        m.d.comb += self.bus.req.lock.eq(port.req.lock | self.data_locked)
        m.d.comb += self.bus.req.requester.eq(Requester.CPU)
        with m.If(accepted):
            with m.If(choice == Source.SINGLE):
                m.d.sync += self.data_locked.eq(self.single.req.lock)
            with m.If(choice == Source.WALK):
                m.d.sync += walk_locked.eq(self.walk.req.lock)

        # Answers. A single beat of a write has ``last`` set: every accepted request is answered.
        asker = Signal(Source)
        m.d.comb += [
            askers.w_en.eq(accepted),
            askers.w_data.eq(choice),
            asker.eq(askers.r_data),
            askers.r_en.eq(self.bus.rsp_valid & self.bus.rsp.last),
        ]
        for source, port in ports.items():
            m.d.comb += [port.rsp.eq(self.bus.rsp), port.rsp_valid.eq(self.bus.rsp_valid & (asker == source))]

        pending = Signal(range(_OUTSTANDING + 1))
        leaves = accepted & (choice == Source.STORE)
        arrives = self.store.rsp_valid
        m.d.sync += pending.eq(pending + leaves - arrives)
        m.d.comb += self.stores_pending.eq(pending != 0)
        return m
