"""The walker: for one access at a time it finds out where the policy keeps the bit that decides, and reads it.

Whatever does not depend on the map's contents is worked out here, once a miss and not once an access: whether the page lies beyond the
map, and whether it, or a page of its region, holds part of a map: such pages are closed to writes.

From the read of the word until the access has left, writes to the word are patched in: an access waits for one read, however often
ring −1 writes there meanwhile.
"""

from collections.abc import Collection

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.dma_policy.decision import ALL_FORMATS, REGION_BITS, Access, admits, is_built, word_index
from chipset.dma_policy.policy import MapPlace, policy_layout
from chipset.dma_policy.word_cache import WORD_WIDTH
from chipset.interconnect.ports import MemoryRequest
from chipset.memory_controller.controller import WriteEvent
from contracts.bus import Authority, BusResponse, Space
from contracts.policy_map import Format

__all__ = ["Walker"]

_PAGE_WORD_BITS = 10
_BYTES = 4


class Walker(wiring.Component):
    """Serves one access from ``start`` until it has left.

    Parameters
    ----------
    requesters, formats : as of ``Guard``
    split : whether the cache keeps words for reads apart from those for writes

    Members
    -------
    start : In(1), with ``wanted`` In(Access); only while ``idle`` Out(1)
    access : Out(Access), the one that is served; decided : Out(1), its verdict is known: ``admitted`` Out(1); left : In(1), it has left
    fill : Out(1), the cache may keep ``word`` Out(32) of address ``address`` Out(30)
    policy : In; flush : In(1), the policy changes at the end of this cycle: what was found out is forgotten
    quiet : Out(1), no read of the map is under way; ``flush`` comes only then
    walk : stream of MemoryRequest, Out: reads of the map; walk_answer_valid In(1) and walk_answer In(BusResponse)
    written : In(WriteEvent), every word written to memory in this cycle
    map_error : Out(1), a read of the map fails in this cycle
    """

    def __init__(self, *, requesters: int, formats: Collection[Format] = ALL_FORMATS, split: bool) -> None:
        self._formats = frozenset(formats)
        self._split = split
        super().__init__({
            "start": In(1), "wanted": In(Access), "idle": Out(1),
            "access": Out(Access), "decided": Out(1), "admitted": Out(1), "left": In(1),
            "fill": Out(1), "word": Out(32), "address": Out(WORD_WIDTH),
            "policy": In(policy_layout(requesters, formats)), "flush": In(1), "quiet": Out(1),
            "walk": Out(stream.Signature(MemoryRequest)), "walk_answer_valid": In(1), "walk_answer": In(BusResponse),
            "written": In(WriteEvent), "map_error": Out(1),
        })  # fmt: skip

    def elaborate(self, platform) -> Module:
        m = Module()
        policy, fmt, access = self.policy, self.policy.map_format, self.access
        place = Signal(MapPlace)  # of the access's map
        closed = Signal()  # refused whatever the map holds, or because it cannot be read
        in_map = Signal()  # the page holds part of a map
        near_map = Signal()  # a page of the region does
        number = Signal(range(max(2, len(policy.maps))))  # of the map that is compared
        index = word_index(access.page, fmt, self._formats)
        total = Signal(WORD_WIDTH + 1)
        around = Signal()  # it is compared with the region, not with the page
        overlaps = self._overlaps(m, Array(policy.maps)[number] if len(policy.maps) > 1 else policy.maps[0], around)
        begins, reads, waits = Signal(), Signal(), Signal()
        self._word(m, begins, reads)
        request = self.walk.payload.request
        m.d.comb += [
            total.eq(place.base + index),
            reads.eq(waits & self.walk_answer_valid),
            self.map_error.eq(reads & self.walk_answer.error),
            self.admitted.eq(admits(self.word, access, fmt, self._formats) & ~closed & ~(access.write & in_map)),
            request.address.eq(Cat(Const(0, 2), self.address)), request.space.eq(Space.MEMORY), request.mask.eq(-1), request.last.eq(1),
            request.authority.eq(Authority.RING_MINUS_1), self.walk.payload.admitted.eq(1), self.walk.payload.walker.eq(1),
        ]  # fmt: skip

        def forget() -> None:
            with m.If(self.flush):
                m.next = "IDLE"

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [self.idle.eq(1), self.quiet.eq(1)]
                with m.If(self.start):
                    m.d.sync += access.eq(self.wanted)
                    m.next = "LOOK"
            with m.State("LOOK"):
                m.d.comb += self.quiet.eq(1)
                m.d.sync += [place.eq(self._map_of(access.requester)), number.eq(0), around.eq(0), in_map.eq(0), near_map.eq(0)]
                m.next = "PLACE"
                forget()
            with m.State("PLACE"):
                m.d.comb += [self.quiet.eq(1), begins.eq(1)]
                m.d.sync += [
                    self.address.eq(total), closed.eq((index >= place.length) | total[-1] | ~is_built(fmt, self._formats)),
                ]  # fmt: skip
                m.next = "COMPARE"
                forget()
            with m.State("COMPARE"):
                m.d.comb += self.quiet.eq(1)
                with m.If(overlaps & around):
                    m.d.sync += near_map.eq(1)
                with m.If(overlaps & ~around):
                    m.d.sync += in_map.eq(1)
                m.d.sync += around.eq(~around)
                with m.If(around):
                    m.d.sync += number.eq(number + 1)
                    with m.If(self._is_last(number)):
                        m.next = "READ"
                        with m.If(closed):
                            m.next = "DECIDED"
                forget()
            with m.State("READ"):
                m.d.comb += self.walk.valid.eq(1)
                with m.If(self.walk.ready):
                    m.next = "WAIT"
            with m.State("WAIT"):
                m.d.comb += waits.eq(1)
                with m.If(self.walk_answer_valid):
                    # Where the map could not be read, the verdict is for this access alone: the next one tries again.
                    m.d.sync += closed.eq(self.walk_answer.error)
                    m.next = "FILL"
            with m.State("FILL"):
                # Not while the word changes: the cache would keep the older one.
                changes = self.written.valid & (self.written.word == self.address)
                apart = access.write if self._split else Const(1)
                m.d.comb += [self.quiet.eq(1), self.decided.eq(1), self.fill.eq(~closed & ~changes & ~(near_map & apart))]
                m.next = "DECIDED"
                with m.If(self.left):
                    m.next = "IDLE"
                forget()
            with m.State("DECIDED"):
                m.d.comb += [self.quiet.eq(1), self.decided.eq(1)]
                with m.If(self.left):
                    m.next = "IDLE"
                forget()
        return m

    def _map_of(self, requester: Value) -> Value:
        """Where the map of a requester lies: in the uniform format map 0 serves all."""
        maps = self.policy.maps
        if len(maps) == 1:
            return maps[0]
        return Array(maps)[Mux(self.policy.map_format == Format.UNIFORM, 0, requester)]

    def _is_last(self, number: Signal) -> Value:
        """Whether no further map is in use."""
        last = len(self.policy.maps) - 1
        return (number == last) | (self.policy.map_format == Format.UNIFORM) if last else Const(1)

    def _word(self, m: Module, begins: Signal, reads: Signal) -> None:
        """``word`` is the answer to the read, and what has been written there since the walk began."""
        patch = Signal(_BYTES)  # bytes of ``word`` that have been written
        written = self.written
        here = written.valid & (written.word == self.address)
        for n in range(_BYTES):
            writes = Signal(name=f"writes{n}")
            m.d.comb += writes.eq(here & written.mask[n])
            m.d.sync += patch[n].eq(~begins & (patch[n] | writes))
            with m.If(writes | (reads & ~patch[n])):
                m.d.sync += self.word.word_select(n, 8).eq(
                    Mux(writes, written.data.word_select(n, 8), self.walk_answer.data.word_select(n, 8))
                )

    def _overlaps(self, m: Module, place: data.View, around: Value) -> Value:
        """Whether the map at ``place`` has a word in the access's page, or with ``around`` in any of the 32 pages around it."""
        page, low = self.access.page, around.replicate(REGION_BITS)
        first_page = Cat(page[:REGION_BITS] & ~low, page[REGION_BITS:])
        last_page = Cat(page[:REGION_BITS] | low, page[REGION_BITS:])
        end = Signal(WORD_WIDTH + 1)
        m.d.comb += end.eq(place.base + place.length)
        # A page begins before the end of the map if it comes before the end's page, or is that page and the end is not its first word.
        begins_before_end = Cat(Const(0, 1), first_page) < Cat(end[:_PAGE_WORD_BITS].any(), end[_PAGE_WORD_BITS:])
        return place.length.any() & (place.base[_PAGE_WORD_BITS:] <= last_page) & begins_before_end
