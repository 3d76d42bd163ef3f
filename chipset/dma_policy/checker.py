"""The checker: what of a request needs deciding, decided in the cycle in which it is asked, or found out by the walker. It knows no bus.

A request that the checker cannot decide at once is *declined*: it stays where it is, its requester is ``stalled``, and requests of
others come first until the walker has found out. So a miss costs nobody else more than the cycle in which it was asked.

Whoever has been declined waits until its request has left. A pointer goes round and stops at each who waits: the walker serves the one at
which it stands, whatever others ask meanwhile and in whatever order the bus lets them ask; where nobody waits, whoever asks first.

A region is compared once, with the one that the cache has at its place. The region of what the walker has found out for one access is there
too, with its word or without; whether it is for this page, too, is compared beside it.
"""

from collections.abc import Collection

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.dma_policy.decision import ALL_FORMATS, REGION_BITS, Access, region_of, two_bits
from chipset.dma_policy.policy import policy_layout
from chipset.dma_policy.tables import all_of, equal_pairs, net
from chipset.dma_policy.walker import Walker
from chipset.dma_policy.word_cache import FOUND_PARTS, WordCache, row_count
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
    likely : Out(1), found : Out(FOUND_PARTS): while the policy is enabled ``known`` is ``likely & found.all()``. ``found`` comes last in
        the cycle; who has a long way to go from ``known`` does better to join it in at the end
    judged : In(1): ``admitted`` is ``verdict`` In(1), which has been found before for the request to which the access belongs
    leaves : In(1), with ``asks``: the request goes on in this cycle if it is known
    stalled : Out(requesters): let others go first. Who is stalled may ask nevertheless; who has been declined must ask again in the end,
        for the others wait for that
    policy : In; it changes only at the end of a cycle with ``flush`` In(1), ``hold`` In(1) (nothing leaves) and ``quiet`` Out(1) (no read
        of the map is under way). ``flush`` by itself forgets what is cached and what has been found out, but not what is being read
    walk : stream of MemoryRequest, Out: reads of the map; walk_answer_valid In(1) and walk_answer In(BusResponse)
    written : In(WriteEvent), every word written to memory in this cycle; DMA's own may be left out, as it never writes a map
    map_error : Out(1), a read of the map fails
    """

    def __init__(self, *, requesters: int, cached_words: int, formats: Collection[Format] = ALL_FORMATS) -> None:
        self._requesters = requesters
        self._formats = frozenset(formats)
        self._cache = WordCache(requesters=requesters, words=cached_words, formats=formats)
        self._walker = Walker(requesters=requesters, formats=formats, split=cached_words > 1, rows=row_count(requesters, cached_words))
        super().__init__({
            "asks": In(1), "access": In(Access), "known": Out(1), "likely": Out(1), "found": Out(FOUND_PARTS), "admitted": Out(1),
            "judged": In(1), "verdict": In(1), "leaves": In(1),
            "stalled": Out(requesters),
            "policy": In(policy_layout(requesters, formats)), "hold": In(1), "flush": In(1), "quiet": Out(1),
            "walk": Out(stream.Signature(MemoryRequest)), "walk_answer_valid": In(1), "walk_answer": In(BusResponse),
            "written": In(WriteEvent), "map_error": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.cache = cache = self._cache
        m.submodules.walker = walker = self._walker
        wiring.connect(m, walker.walk, wiring.flipped(self.walk))
        policy, access = self.policy, self.access
        launch = Signal()  # lies in the launch region
        serves = Signal()  # the walker has found out something for this requester
        beside = Signal()  # for this access too, if the region is the same: the cache, which has kept it at the same place, says that
        last = REGION_BITS - 1
        same = [
            net(m, cache.beside, "same_place"), *equal_pairs(m, walker.access.page[:last], access.page[:last], "same"),
            net(m, walker.decided & (walker.access.page[last] == access.page[last]), f"same{last}"),
        ]  # fmt: skip
        if Format.PER_REQUESTER_AND_ACCESS in self._formats:  # in the others one bit is for both directions
            same.append((walker.access.write == access.write) | ~two_bits(policy.map_format, self._formats))
        whole = net(m, cache.whole, "whole")
        # Admitted whatever the cache has, as is known without looking, or as the walker has found out; or if the word says so.
        before = net(m, Mux(self.judged, self.verdict, ~policy.enable), "before")
        sure = net(m, before | (beside & net(m, walker.admitted & ~self.judged, "walked")), "sure")
        by_word = net(m, policy.enable & ~beside & ~self.judged, "by_word")
        closed = net(m, launch & ~self.judged, "closed")
        m.d.comb += [
            launch.eq(policy.launch.protect & all_of(equal_pairs(m, region_of(access.page), policy.launch.base, "launch"))),
            serves.eq(walker.decided & (walker.access.requester == access.requester)),
            beside.eq(net(m, all_of(same), "beside")),
            self.likely.eq(whole | beside), self.found.eq(cache.found), self.known.eq(~policy.enable | (self.likely & self.found.all())),
            self.admitted.eq(~closed & (sure | (by_word & net(m, cache.admitted, "word")))),  # one table, as the cache's bit comes last
            cache.access.eq(access), cache.map_format.eq(policy.map_format), cache.written.eq(self.written), cache.flush.eq(self.flush),
            cache.fill.eq(walker.fill), cache.filled.eq(walker.access), cache.fill_address.eq(walker.address),
            cache.fill_row.eq(walker.fill_row), cache.fill_data.eq(walker.fill_data), cache.fill_whole.eq(walker.fill_whole),
            walker.wanted.eq(access),
            walker.policy.eq(policy), walker.flush.eq(self.flush), self.quiet.eq(walker.quiet),
            walker.walk_answer_valid.eq(self.walk_answer_valid), walker.walk_answer.eq(self.walk_answer),
            walker.written.eq(self.written), self.map_error.eq(walker.map_error),
        ]  # fmt: skip

        # What a request comes to is known so late in the cycle that everything else begins with a flip-flop: all these are of the cycle
        # before.
        asked = Signal()  # something was asked of the policy
        was_whole = Signal()  # what ``likely`` and ``found`` were made of
        was_beside = Signal()
        was_found_parts = Signal(FOUND_PARTS)
        was_likely = Signal()  # it was known if both
        was_found = Signal()
        unknown = Signal()
        who = Signal.like(access.requester)
        open_to = Signal()  # the walker waited for work, of this requester too
        served = Signal()  # it had found out something for the requester
        stays = Signal()  # which was what is asked, but could not leave
        went = Signal()  # the request left, if it was known
        declined = Signal()
        waiting = Signal(self._requesters)
        places = (self._requesters - 1).bit_length()
        turn = Signal(places)
        somebody = Signal()  # the one whose turn it is waits
        own = Signal()  # it is the one that asks
        m.d.comb += [somebody.eq(waiting.bit_select(turn, 1)), own.eq(access.requester[:places] == turn)]
        m.d.sync += [
            asked.eq(self.asks & policy.enable), was_whole.eq(whole), was_beside.eq(beside), was_found_parts.eq(self.found),
            who.eq(access.requester),
            open_to.eq(walker.idle & ~self.hold & ((own & somebody) | ~waiting.any())),
            served.eq(serves), stays.eq(beside & ~self.leaves), went.eq(self.leaves),
        ]  # fmt: skip
        m.d.comb += [
            was_likely.eq(was_whole | was_beside), was_found.eq(was_found_parts.all()),
            unknown.eq(asked & ~(was_likely & was_found)), walker.start.eq(unknown & open_to), declined.eq(unknown & ~served),
            # The one that is served has left, or its requester asks for something else now.
            walker.left.eq(asked & served & ~(stays & was_found)),
        ]  # fmt: skip
        with m.If(~somebody):
            m.d.sync += turn.eq(turn + 1)
        for n in range(self._requesters):
            mine = Signal(name=f"asked{n}")
            m.d.comb += mine.eq(asked & (who == n))
            with m.If(mine & (went | ~(was_likely & was_found))):
                m.d.sync += waiting[n].eq(~(was_likely & was_found))
            called = (walker.rests & (turn == n)) | (walker.decided & (walker.access.requester == n))
            m.d.comb += self.stalled[n].eq((waiting[n] & ~called) | (declined & mine))
        return m
