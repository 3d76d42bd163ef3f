"""Fair arbitration of several streams of memory requests."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.ports import MemoryRequest

__all__ = ["MemoryArbiter", "encoded", "round_robin"]


def round_robin(m: Module, valid: Signal, last: Signal) -> Signal:
    """One-hot grant of the first 1 in ``valid`` after bit number ``last``, in turn; 0 where none is set. Combinational."""
    count = len(valid)
    later = Signal(count, name="later")
    grant = Signal(count, name="grant")
    m.d.comb += later.eq(valid & Cat(Const(n, 8) > last for n in range(count)))
    pick = Signal(count, name="pick")
    m.d.comb += [pick.eq(Mux(later.any(), later, valid)), grant.eq(pick & (~pick + 1))]
    return grant


def encoded(grant: Value) -> Value:
    """The number of the one bit that is set in ``grant``; 0 where none is."""
    bits = max(1, (len(grant) - 1).bit_length())
    return Cat(Cat(grant[n] for n in range(len(grant)) if n >> bit & 1).any() for bit in range(bits))


class MemoryArbiter(wiring.Component):
    """Round-robin arbiter for ``ports`` streams of requests.

    A burst write is not interrupted. From a request with ``lock`` to the next without, its port alone is served.

    Members
    -------
    ports : ``ports`` streams of ``MemoryRequest``, In
    out : stream of ``MemoryRequest``, Out; the grant may change while ``ready`` is 0
    unlock : In(ports); the master of that port has been served elsewhere, without ``lock``
    """

    def __init__(self, ports: int) -> None:
        self._count = ports
        super().__init__({
            "ports": In(stream.Signature(MemoryRequest)).array(ports),
            "out": Out(stream.Signature(MemoryRequest)),
            "unlock": In(ports),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        valid = Signal(self._count)
        held = Signal()
        owner = Signal(self._count)  # one-hot, meaningful while held
        last = Signal(range(self._count))
        m.d.comb += valid.eq(Cat(p.valid for p in self.ports) & Mux(held, owner, (1 << self._count) - 1))
        grant = round_robin(m, valid, last)

        m.d.comb += self.out.valid.eq(grant.any())
        for n, port in enumerate(self.ports):
            with m.If(grant[n]):
                m.d.comb += [self.out.payload.eq(port.payload), port.ready.eq(self.out.ready)]

        request = self.out.payload.request
        with m.If((self.unlock & owner).any()):
            m.d.sync += held.eq(0)
        with m.If(self.out.valid & self.out.ready):
            m.d.sync += [held.eq(request.lock | (request.write & ~request.last)), owner.eq(grant)]
            for n in range(self._count):
                with m.If(grant[n]):
                    m.d.sync += last.eq(n)
        return m
