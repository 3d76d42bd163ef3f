"""The guard: every DMA request passes through it and leaves with a verdict (design decision 9).

A request waits in one register. Its map word's address and whatever can be said without the map are worked out on the way in; in
the register it is compared with the cached map words, so a hit costs no cycle. The verdict counts in the cycle in which the memory
controller takes the request: that controller takes one access a cycle, so no write to the map can come between check and access, and
a burst, which lies within one page and is taken in one piece, is judged once.
"""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.dma_policy.decision import admits, is_built, map_number, word_index
from chipset.dma_policy.map_cache import MapCache, patched
from chipset.dma_policy.policy import Denial, policy_layout
from chipset.interconnect.ports import MemoryRequest
from chipset.memory_controller.controller import WriteEvent
from contracts.bus import Authority, BusRequest, BusResponse, Space
from contracts.policy_map import Format
from contracts.requesters import DMA_FIRST

__all__ = ["Guard"]

_PAGE_LSB = 12
_LINE_LSB = 4
_LAUNCH_LSB = 16
_OUTSTANDING_BITS = 4


class Guard(wiring.Component):
    """Judges DMA requests.

    Parameters
    ----------
    requesters : number of DMA requesters
    cached_words : map words kept

    Members
    -------
    requests : stream of BusRequest, In, stamped with who asks
    out : stream of MemoryRequest, Out; ``admitted`` is the verdict. A refused request goes on too: the memory controller answers it
        with an error, in its turn
    walk : stream of MemoryRequest, Out: reads of the map; walk_answer_valid In(1) and walk_answer In(BusResponse)
    written : In(WriteEvent), every word written to RAM in this cycle
    answered : In(1), the last answer to a request of ``out`` arrives at its master in this cycle
    policy : In; it may change only in a cycle with ``hold`` and ``drained``
    hold : In(1), take no new request; ``drained`` Out(1), nothing that has been judged is in flight
    denial : Out(Denial); map_error : Out(1)
    """

    def __init__(self, *, requesters: int, cached_words: int) -> None:
        self._requesters = requesters
        self._cached_words = cached_words
        super().__init__({
            "requests": In(stream.Signature(BusRequest)), "out": Out(stream.Signature(MemoryRequest)),
            "walk": Out(stream.Signature(MemoryRequest)), "walk_answer_valid": In(1), "walk_answer": In(BusResponse),
            "written": In(WriteEvent), "answered": In(1),
            "policy": In(policy_layout(requesters)), "hold": In(1), "drained": Out(1),
            "denial": Out(Denial), "map_error": Out(1),
        })  # fmt: skip

    def elaborate(self, platform) -> Module:
        m = Module()
        held = Signal(BusRequest)
        full = Signal()
        first = Signal()  # ``held`` begins a request: a single one, or a burst's first beat
        inside = Signal()  # further beats of a burst write are to come
        closed = Signal()  # refused whatever the map says
        opened = Signal()  # admitted whatever the map says
        word = Signal(30)  # address of the map word that decides
        outstanding = Signal(_OUTSTANDING_BITS)
        leaves = Signal()
        m.d.comb += leaves.eq(self.out.valid & self.out.ready)

        # In.
        incoming = self.requests.payload
        enters = Signal()
        m.d.comb += [
            self.requests.ready.eq((inside | ~self.hold) & (~full | leaves)),
            enters.eq(self.requests.valid & self.requests.ready),
        ]
        with m.If(leaves):
            m.d.sync += full.eq(0)
        with m.If(enters):
            m.d.sync += [full.eq(1), first.eq(~inside), inside.eq((inside | incoming.write) & ~incoming.last)]
            with m.If(inside):
                # Whatever the master says now, this is the next word of the line that has been judged.
                m.d.sync += [
                    held.data.eq(incoming.data), held.mask.eq(incoming.mask), held.last.eq(incoming.last),
                    held.address[2:_LINE_LSB].eq(held.address[2:_LINE_LSB] + 1),
                ]  # fmt: skip
            with m.Else():
                m.d.sync += held.eq(incoming)
                with m.If(incoming.burst):
                    m.d.sync += held.address[:_LINE_LSB].eq(0)
                m.d.sync += self._prejudge(m, incoming, word, closed, opened)

        # Verdict.
        m.submodules.cache = cache = MapCache(self._cached_words)
        failed = Signal()  # the map could not be read
        walked = Signal()  # ``walked_word`` is the map word, as it is in memory now
        walked_word = Signal(32)
        page = held.address[_PAGE_LSB:]
        verdict = Signal()
        kept = Signal()  # the verdict on the first beat
        known = Signal()
        m.d.comb += [
            cache.tag.eq(word),
            cache.page.eq(page),
            cache.written.eq(self.written),
            known.eq(~first | opened | closed | walked | cache.hit),
        ]
        with m.If(first):
            bit = Mux(walked, admits(walked_word, page) & ~failed, cache.admitted)
            m.d.comb += verdict.eq(opened | (~closed & bit))
        with m.Else():
            m.d.comb += verdict.eq(kept)
        m.d.comb += [
            self.out.valid.eq(full & known & ~outstanding.all()),
            self.out.payload.request.eq(held),
            self.out.payload.admitted.eq(verdict),
            self.denial.valid.eq(leaves & first & ~verdict),
            self.denial.address.eq(held.address),
            self.denial.requester.eq(held.requester),
            self.denial.write.eq(held.write),
        ]
        with m.If(leaves):
            m.d.sync += kept.eq(verdict)
        self._walk(m, word, full & ~known, leaves, cache, walked, walked_word, failed)

        # In flight.
        m.d.sync += outstanding.eq(outstanding + (leaves & (~held.write | held.last)) - self.answered)
        m.d.comb += self.drained.eq(~full & ~inside & (outstanding == 0))
        return m

    def _prejudge(self, m: Module, request: Signal, word: Signal, closed: Signal, opened: Signal) -> list:
        """What can be said of a request without the map, and which word of the map decides: assignments of the three signals."""
        policy = self.policy
        place = policy.maps[map_number(policy.map_format, (request.requester - DMA_FIRST)[: len(request.requester)])]
        index = word_index(request.address[_PAGE_LSB:])
        address = Signal(31)
        low, high = Signal(30), Signal(30)  # first and last word of the access
        in_map = Signal()
        launch = Signal()
        m.d.comb += [
            address.eq(place.base + index),
            low.eq(request.address[2:]),
            high.eq(request.address[2:]),
            launch.eq(policy.launch.protect & (request.address[_LAUNCH_LSB:] == policy.launch.base)),
        ]
        # More words than this one, whether or not the master calls it a burst.
        with m.If(request.burst | (request.write & ~request.last)):
            m.d.comb += [low[:2].eq(0), high[:2].eq(0b11)]
        for n in range(self._requesters):
            end = policy.maps[n].base + policy.maps[n].length
            active = (policy.map_format != Format.UNIFORM) if n else 1
            with m.If(active & (high >= policy.maps[n].base) & (low < end)):
                m.d.comb += in_map.eq(1)
        beyond = (index >= place.length) | address[-1]
        refused = policy.enable & (~is_built(policy.map_format) | beyond | (in_map & request.write))
        return [word.eq(address), closed.eq(launch | refused), opened.eq(~policy.enable & ~launch)]

    def _walk(self, m: Module, word: Signal, wanted: Signal, leaves: Signal, cache: MapCache,
              walked: Signal, walked_word: Signal, failed: Signal) -> None:  # fmt: skip
        """Reads the map word at ``word`` for the waiting request, and for the cache.

        Writes to that word after the read are patched in until the request has left: so it waits for one read, however often
        ring −1 writes there meanwhile.
        """
        patch_mask = Signal(4)  # bytes of walked_word that are newer than the read
        new_word = Signal(32)
        new_mask = Signal(4)
        m.d.comb += [new_word.eq(walked_word), new_mask.eq(patch_mask)]
        with m.If(self.written.valid & (self.written.word == word)):
            m.d.comb += [
                new_word.eq(patched(walked_word, self.written.data, self.written.mask)),
                new_mask.eq(patch_mask | self.written.mask),
            ]
        request = self.walk.payload.request
        m.d.comb += [
            request.address.eq(Cat(Const(0, 2), word)), request.space.eq(Space.MEMORY), request.mask.eq(-1), request.last.eq(1),
            request.authority.eq(Authority.RING_MINUS_1), self.walk.payload.admitted.eq(1), self.walk.payload.walker.eq(1),
            cache.fill_word.eq(patched(self.walk_answer.data, new_word, new_mask)),
        ]  # fmt: skip
        m.d.sync += [walked_word.eq(new_word), patch_mask.eq(new_mask)]
        with m.FSM():
            with m.State("IDLE"):
                with m.If(wanted):
                    m.next = "ASK"
            with m.State("ASK"):
                m.d.comb += self.walk.valid.eq(1)
                m.d.sync += patch_mask.eq(0)
                with m.If(self.walk.ready):
                    m.next = "WAIT"
            with m.State("WAIT"):
                with m.If(self.walk_answer_valid):
                    m.d.comb += [cache.fill.eq(~self.walk_answer.error), self.map_error.eq(self.walk_answer.error)]
                    m.d.sync += [failed.eq(self.walk_answer.error), walked_word.eq(cache.fill_word)]
                    m.next = "KNOWN"
            with m.State("KNOWN"):
                m.d.comb += walked.eq(1)
                with m.If(leaves):
                    m.next = "IDLE"
