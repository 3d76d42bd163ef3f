"""The guard: every DMA request passes through it and leaves with a verdict (design decision 9).

It holds nothing back that it can decide: a request that hits in the cache goes through in the cycle in which it comes. The verdict counts
in the cycle in which the memory controller takes the request: that controller takes one access a cycle, so no write to the map can come
between check and access, and a burst, which lies within one page and is taken in one piece, is judged once.
"""

from collections.abc import Collection

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.dma_policy.checker import Checker
from chipset.dma_policy.decision import ALL_FORMATS
from chipset.dma_policy.policy import Denial, policy_layout
from chipset.dma_policy.tables import net
from chipset.interconnect.ports import MemoryRequest
from chipset.memory_controller.controller import WriteEvent
from contracts.bus import BusRequest, BusResponse
from contracts.policy_map import Format
from contracts.requesters import DMA_FIRST

__all__ = ["Guard"]

_PAGE_LSB = 12
_OUTSTANDING_BITS = 4  # from two below its end on, nothing new begins


class Guard(wiring.Component):
    """A checker on the bus of this machine.

    Parameters
    ----------
    requesters : number of DMA requesters, 1 to 16
    cached_words : map words kept for each requester, a power of two (from two on, half are for reads and half for writes)
    formats : the formats of the map that are built

    Members
    -------
    requests : stream of BusRequest, In, stamped with who asks; while ``ready`` is 0 it may change to another requester's, but not within a
        burst write, whose beats come one after the other, on one line
    stalled : Out(requesters), offer others first
    out : stream of MemoryRequest, Out; ``admitted`` is the verdict. A refused request goes on too: the memory controller answers it
        with an error, in its turn
    walk : stream of MemoryRequest, Out: reads of the map; walk_answer_valid In(1) and walk_answer In(BusResponse)
    written : In(WriteEvent), every word written to memory in this cycle
    answered : In(1), the last answer to a request of ``out`` arrives at its master in this cycle
    policy : In; it changes only at the end of a cycle with ``flush``
    hold : In(1), let no request leave; ``drained`` Out(1), nothing that has been judged is in flight; flush : In(1), only while both are 1
    denial : Out(Denial), in the cycle after the request has left; map_error : Out(1)
    """

    def __init__(self, *, requesters: int, cached_words: int, formats: Collection[Format] = ALL_FORMATS) -> None:
        self._requesters = requesters
        self._checker = Checker(requesters=requesters, cached_words=cached_words, formats=formats)
        super().__init__({
            "requests": In(stream.Signature(BusRequest)), "stalled": Out(requesters), "out": Out(stream.Signature(MemoryRequest)),
            "walk": Out(stream.Signature(MemoryRequest)), "walk_answer_valid": In(1), "walk_answer": In(BusResponse),
            "written": In(WriteEvent), "answered": In(1),
            "policy": In(policy_layout(requesters, formats)), "hold": In(1), "drained": Out(1), "flush": In(1),
            "denial": Out(Denial), "map_error": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.checker = checker = self._checker
        wiring.connect(m, checker.walk, wiring.flipped(self.walk))
        request = self.requests.payload
        inside = Signal()  # further beats of a burst write are to come
        kept = Signal()  # the verdict on its first beat
        left = Signal()  # a beat has left in the cycle before
        first = Signal()  # if so, it was its request's first
        final = Signal()  # … its last
        outstanding = Signal(_OUTSTANDING_BITS)  # answers that are due, but for one that is due since the cycle before
        # In few tables, as what the checker has found comes last.
        request_valid, taken = self.requests.valid, self.out.ready
        free = net(m, ~self.hold & ~outstanding[1:].all(), "free")  # a request may leave
        sure = net(m, request_valid & (inside | (~self.policy.enable & free)), "sure")  # it does, if it is taken, whatever is found
        likely = net(m, net(m, request_valid & free, "offered") & checker.likely, "likely")  # it does if its region is found
        sure_taken = net(m, sure & taken, "sure_taken")
        offered_taken = net(m, net(m, request_valid & taken, "valid_taken") & free, "offered_taken")
        likely_taken = net(m, offered_taken & checker.likely, "likely_taken")
        m.d.comb += [
            checker.asks.eq(self.requests.valid & ~inside),
            checker.access.requester.eq((request.requester - DMA_FIRST)[: (self._requesters - 1).bit_length()]),
            checker.access.page.eq(request.address[_PAGE_LSB:]),
            checker.access.write.eq(request.write),
            checker.policy.eq(self.policy), checker.hold.eq(self.hold), checker.flush.eq(self.flush),
            checker.walk_answer_valid.eq(self.walk_answer_valid), checker.walk_answer.eq(self.walk_answer),
            checker.written.eq(self.written), self.map_error.eq(checker.map_error), self.stalled.eq(checker.stalled),
            self.out.valid.eq(sure | (likely & checker.found.all())),
            self.out.payload.request.eq(request),
            checker.judged.eq(inside), checker.verdict.eq(kept), self.out.payload.admitted.eq(checker.admitted),
            checker.leaves.eq(free & self.out.ready),
            self.requests.ready.eq(sure_taken | (likely_taken & checker.found.all())),
            self.denial.valid.eq(left & first & ~kept),
            self.drained.eq(checker.quiet & ~inside & ~left & (outstanding == 0)),
        ]  # fmt: skip
        with m.If(self.requests.ready):
            m.d.sync += inside.eq((inside | request.write) & ~request.last)
        m.d.sync += [
            kept.eq(self.out.payload.admitted),
            left.eq(self.requests.ready), first.eq(~inside), final.eq(~request.write | request.last),
            outstanding.eq(outstanding + (left & final) - self.answered),
            self.denial.address.eq(request.address), self.denial.requester.eq(request.requester), self.denial.write.eq(request.write),
        ]  # fmt: skip
        return m
