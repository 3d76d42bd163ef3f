"""The checker: what of a request needs deciding, decided in the cycle in which it is asked, or found out by the walker. It knows no bus.

A request that the checker cannot decide at once is *declined*: it stays where it is, its requester is ``stalled``, and requests of
others come first until the walker has found out. So a miss costs nobody else more than the cycle in which it was asked.
"""

from collections.abc import Collection

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.dma_policy.decision import ALL_FORMATS, Access, region_of
from chipset.dma_policy.policy import policy_layout
from chipset.dma_policy.walker import Walker
from chipset.dma_policy.word_cache import WordCache
from chipset.interconnect.ports import MemoryRequest
from chipset.memory_controller.controller import WriteEvent
from contracts.bus import BusResponse
from contracts.policy_map import Format

__all__ = ["Checker"]


class Checker(wiring.Component):
    """Judges the accesses of ``requesters`` DMA requesters.

    Parameters
    ----------
    requesters : 1 to 16
    cached_words : map words kept for each requester, as of ``WordCache``
    formats : the formats of the map that are built

    Members
    -------
    asks : In(1), with ``access`` In(Access): a request waits at the door of memory
    known : Out(1), combinational: its verdict is ``admitted`` Out(1), which counts in this very cycle; else it is declined
    leaves : In(1), the request goes on, in a cycle with ``asks`` and ``known``
    stalled : Out(requesters): let others go first. Who is stalled may ask nevertheless
    policy : In; it changes only at the end of a cycle with ``flush`` In(1), which comes only while ``hold`` In(1) (nothing leaves) and
        ``quiet`` Out(1) (no read of the map is under way)
    walk : stream of MemoryRequest, Out: reads of the map; walk_answer_valid In(1) and walk_answer In(BusResponse)
    written : In(WriteEvent), every word written to memory in this cycle; DMA's own may be left out, as it never writes a map
    map_error : Out(1), a read of the map fails
    """

    def __init__(self, *, requesters: int, cached_words: int, formats: Collection[Format] = ALL_FORMATS) -> None:
        self._requesters = requesters
        self._cache = WordCache(requesters=requesters, words=cached_words, formats=formats)
        self._walker = Walker(requesters=requesters, formats=formats, split=cached_words > 1)
        super().__init__({
            "asks": In(1), "access": In(Access), "known": Out(1), "admitted": Out(1), "leaves": In(1), "stalled": Out(requesters),
            "policy": In(policy_layout(requesters, formats)), "hold": In(1), "flush": In(1), "quiet": Out(1),
            "walk": Out(stream.Signature(MemoryRequest)), "walk_answer_valid": In(1), "walk_answer": In(BusResponse),
            "written": In(WriteEvent), "map_error": Out(1),
        })  # fmt: skip

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.cache = cache = self._cache
        m.submodules.walker = walker = self._walker
        wiring.connect(m, walker.walk, wiring.flipped(self.walk))
        policy, access = self.policy, self.access
        launch = Signal()  # lies in the launch region
        served = Signal()  # it is the one that the walker has found out
        changed = Signal()  # its requester asks for something else now
        m.d.comb += [
            launch.eq(policy.launch.protect & (region_of(access.page) == policy.launch.base)),
            served.eq(walker.decided & (walker.access == access)),
            changed.eq(self.asks & (walker.access.requester == access.requester)),
            self.known.eq(~policy.enable | launch | served | cache.hit),
            cache.access.eq(access), cache.map_format.eq(policy.map_format), cache.written.eq(self.written), cache.flush.eq(self.flush),
            cache.fill.eq(walker.fill), cache.filled.eq(walker.access), cache.fill_word.eq(walker.word),
            cache.fill_address.eq(walker.address),
            walker.start.eq(self.asks & ~self.known & walker.idle & ~self.hold),
            walker.wanted.eq(access), walker.left.eq(walker.decided & Mux(served, self.leaves, changed)),
            walker.policy.eq(policy), walker.flush.eq(self.flush), self.quiet.eq(walker.quiet),
            walker.walk_answer_valid.eq(self.walk_answer_valid), walker.walk_answer.eq(self.walk_answer),
            walker.written.eq(self.written), self.map_error.eq(walker.map_error),
        ]  # fmt: skip
        with m.If(launch):
            m.d.comb += self.admitted.eq(0)
        with m.Elif(~policy.enable):
            m.d.comb += self.admitted.eq(1)
        with m.Elif(served):
            m.d.comb += self.admitted.eq(walker.admitted)
        with m.Else():
            m.d.comb += self.admitted.eq(cache.admitted)

        # Whoever has been declined lets others go first until its turn with the walker may have come: by the first cycle in which the
        # walker is free again, lest the requester that it has just served, which was not stalled, comes first once more.
        for n in range(self._requesters):
            mine, owns = Signal(name=f"asked{n}"), Signal(name=f"owns{n}")
            m.d.comb += [mine.eq(self.asks & ~self.known & (access.requester == n)), owns.eq(walker.access.requester == n)]
            with m.If(mine):
                m.d.sync += self.stalled[n].eq(1)
            with m.If((walker.idle | walker.left) & ~mine | (walker.decided & owns)):
                m.d.sync += self.stalled[n].eq(0)
        return m
