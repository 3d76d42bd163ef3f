"""Which guarded burst is judged next."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.arbiter import encoded, round_robin

__all__ = ["Turns"]


class Turns(wiring.Component):
    """Fair between ports, and between a port's reads and writes.

    A port whose burst the checker has declined offers that one until it leaves: the checker looks at one burst of a port at a time.

    Members
    -------
    reads, writes : In(ports), who has a burst that can go on
    stalled : In(ports), whom to pass over; hold : In(1), nobody
    any : Out(1), port ``number`` Out offers a burst, which is a write if ``write`` Out(1)
    leaves : In(1), it goes on; otherwise it has been declined
    """

    def __init__(self, ports: int) -> None:
        self._count = ports
        super().__init__({
            "reads": In(ports), "writes": In(ports), "stalled": In(ports), "hold": In(1),
            "any": Out(1), "number": Out(range(max(ports, 2))), "write": Out(1), "leaves": In(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        count = self._count
        declined, other = Signal(count), Signal(count)  # it has been; it was a write, or, if not declined, a read went last
        write = Signal(count)  # what is offered
        valid = Signal(count)
        last = Signal.like(self.number)
        m.d.comb += [
            write.eq((declined & other) | (~declined & self.writes & (other | ~self.reads))),
            valid.eq(((write & self.writes) | (~write & self.reads)) & ~self.stalled & (~self.hold).replicate(count)),
        ]
        grant = round_robin(m, valid, last)
        m.d.comb += [self.any.eq(grant.any()), self.number.eq(encoded(grant)), self.write.eq((grant & write).any())]
        m.d.sync += [
            declined.eq(Mux(self.leaves, declined & ~grant, declined | grant)),
            other.eq((other & ~grant) | Mux(self.leaves, grant & ~write, grant & write)),
        ]
        with m.If(self.leaves):
            m.d.sync += last.eq(self.number)
        return m
