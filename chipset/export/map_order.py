"""Reads of the map and writes to it, where the bus to memory keeps no order between them.

AXI4 lets memory answer reads and writes in any order, until a write has been answered: from then on every read sees it. So

- a read of the map starts only when every trusted write has been answered, and no trusted write starts before its answer is there. Hence
  the word that is read is the one that all trusted writes so far have left;
- each word of a trusted write is reported (``WriteEvent``) when it leaves for memory, so before the write is answered. From that cycle on
  the checker uses the older word no more: it forgets it, or follows the bit that decides while it looks at it. It keeps no word of which
  anything has been reported since it began to look for it.

So an access that asks after a trusted write has been answered is judged by what was written. In between, it may be judged by either.

What has been reported may never have reached memory, if memory answers with an error. The walk during which that comes to light is made to
fail, so nothing is admitted by it; and the checker forgets what it has found out and not yet been asked for (``forget``): from then on what
memory holds decides.

One waits for the other, in turn: a walk for the trusted writes that have started, and then a trusted write for one walk.
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["MapOrder"]


class MapOrder(wiring.Component):
    """Says when a read of the map and when a trusted write may start.

    Members
    -------
    walk_wants : In(1), walk_may : Out(1), walk_goes : In(1), walk_answered : In(1): a read of the map
    write_wants : In(1), write_may : Out(1), write_goes : In(1): a trusted write; writes_under_way : In(1), some are not answered
    write_fails : In(1), a trusted write is answered with an error
    looks_up : In(1), the checker is asked what it does not know
    spoilt : Out(1), with ``walk_answered``: the walk must fail
    forget : Out(1), what the checker has found out counts no more
    """

    walk_wants: In(1)
    walk_may: Out(1)
    walk_goes: In(1)
    walk_answered: In(1)
    write_wants: In(1)
    write_may: Out(1)
    write_goes: In(1)
    writes_under_way: In(1)
    write_fails: In(1)
    looks_up: In(1)
    spoilt: Out(1)
    forget: Out(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        walks = Signal()  # a read of the map is under way
        turn = Signal()  # a trusted write has waited for a walk: it comes before the next one
        looking = Signal()  # the checker may have been looking for a word since the last walk was answered
        m.d.comb += [
            self.walk_may.eq(~self.writes_under_way & ~turn & ~walks),
            self.write_may.eq(~walks & (turn | ~self.walk_wants)),
            self.forget.eq(self.write_fails),
        ]
        with m.If(self.walk_goes):
            m.d.sync += walks.eq(1)
        with m.If(self.walk_answered):
            m.d.sync += [walks.eq(0), turn.eq(self.write_wants)]
        with m.Elif(self.write_goes):
            m.d.sync += turn.eq(0)
        with m.If(self.walk_answered):
            m.d.sync += [looking.eq(0), self.spoilt.eq(0)]
        with m.If(self.write_fails & looking):
            m.d.sync += self.spoilt.eq(1)
        with m.If(self.looks_up):
            m.d.sync += looking.eq(1)
        return m
