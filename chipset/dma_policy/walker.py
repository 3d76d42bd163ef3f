"""The walker: for one access at a time it finds out where the policy keeps the bit that decides, and reads it.

Whatever does not depend on the map's contents is worked out here, once a miss and not once an access: whether the page lies beyond the
map, and whether it, or a page of its region, holds part of a map: such pages are closed to writes.

From the read of the word until the access has left, writes to the bit that decides are followed: an access waits for one read, however
often ring −1 writes there meanwhile. The word itself goes to the cache row by row, the row with that bit first, unless any of it has been
written since the walk began.
"""

from collections.abc import Collection

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.dma_policy.decision import ALL_FORMATS, PAGE_WIDTH, REGION_BITS, Access, bit_in_word, is_built, word_index
from chipset.dma_policy.policy import MapPlace, policy_layout
from chipset.dma_policy.tables import all_of, equal_pairs, groups_of
from chipset.dma_policy.word_cache import WORD_WIDTH
from chipset.interconnect.ports import MemoryRequest
from chipset.memory_controller.controller import WriteEvent
from contracts.bus import Authority, BusResponse, Space
from contracts.policy_map import Format

__all__ = ["Walker"]

_PAGE_WORD_BITS = 10
_BYTE_BITS = 3  # of a bit's number in its byte
_WORD_BITS = 32


class _Bounds(data.Struct):
    """Which pages hold part of a map."""

    some: 1  # it has a length
    first_page: PAGE_WIDTH
    end_page: PAGE_WIDTH + 1  # of the first word behind it
    end_within_page: 3  # which is not the first of its page unless this is 0


def _bounds_of(m: Module, place: data.View) -> Value:
    end = Signal(WORD_WIDTH + 1)
    m.d.comb += end.eq(place.base + place.length)
    within = Cat(end[n : min(n + 4, _PAGE_WORD_BITS)].any() for n in range(0, _PAGE_WORD_BITS, 4))
    return Cat(place.length.any(), place.base[_PAGE_WORD_BITS:], end[_PAGE_WORD_BITS:], within)


class Walker(wiring.Component):
    """Serves one access from ``start`` until it has left.

    Each word goes to the cache, where it counts only if it may serve other accesses (``fill_whole``); but with it goes the region, which
    stays there until the access has left.

    Parameters
    ----------
    requesters, formats : as of ``Guard``
    split : whether the cache keeps words for reads apart from those for writes
    rows : in how many rows the cache keeps a word

    Members
    -------
    rests : Out(1), no access is served; idle : Out(1), nor begins one in this cycle
    start : In(1), there was one in the cycle before: ``wanted`` In(Access)
    access : Out(Access), the one that is served; decided : Out(1), its verdict is known: ``admitted`` Out(1), which is that of ``wanted``
        if the same bit decides for that; left : In(1), it has left in the cycle before
    fill : Out(1), the cache is to keep row ``fill_row`` Out(range(rows)), ``fill_data`` Out(32 // rows), of the word of address
        ``address`` Out(30); fill_whole : Out(1), with it the cache has all of the word, as it is in memory
    policy : In; flush : In(1), what was found out is forgotten, but not what is being read; the policy changes only at the end of such a
        cycle with ``quiet`` : Out(1), no read of the map is under way
    walk : stream of MemoryRequest, Out: reads of the map; walk_answer_valid In(1) and walk_answer In(BusResponse)
    written : In(WriteEvent), every word written to memory in this cycle
    map_error : Out(1), a read of the map fails in this cycle
    """

    def __init__(self, *, requesters: int, formats: Collection[Format] = ALL_FORMATS, split: bool, rows: int) -> None:
        self._formats = frozenset(formats)
        self._split = split
        self._rows = rows
        super().__init__({
            "start": In(1), "wanted": In(Access), "rests": Out(1), "idle": Out(1),
            "access": Out(Access), "decided": Out(1), "admitted": Out(1), "left": In(1),
            "fill": Out(1), "fill_row": Out(range(rows)), "fill_data": Out(_WORD_BITS // rows), "fill_whole": Out(1),
            "address": Out(WORD_WIDTH),
            "policy": In(policy_layout(requesters, formats)), "flush": In(1), "quiet": Out(1),
            "walk": Out(stream.Signature(MemoryRequest)), "walk_answer_valid": In(1), "walk_answer": In(BusResponse),
            "written": In(WriteEvent), "map_error": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        policy, fmt, access = self.policy, self.policy.map_format, self.access
        several = len(policy.maps) > 1
        place = Signal(MapPlace)  # where the map lies that is looked at: the access's own, then each in its turn
        closed = Signal()  # refused whatever the map holds, or because it cannot be read
        in_map = Signal()  # the page holds part of a map
        near_map = Signal()  # a page of the region does
        number = Signal(range(max(2, len(policy.maps))))  # of the map that is compared
        index = word_index(access.page, fmt, self._formats)
        total = Signal(WORD_WIDTH + 1)
        around = Signal()  # it is compared with the region, not with the page
        bounds = Signal(_Bounds)  # of the map that is compared
        chosen = Signal.like(number)  # the next map to be looked at
        compared = Signal(2)  # what came of that: the two bounds; a cycle late, for comparisons take long
        of_page = Signal()  # with the page
        of_region = Signal()  # with the region
        begins, compares, waits, fills = Signal(), Signal(), Signal(), Signal()
        word = Signal(_WORD_BITS)  # as it was read
        step = Signal(range(self._rows))  # of its rows given to the cache
        verdict = Signal()  # the bit that decides
        number_in_word = Signal(range(_WORD_BITS))
        row_lsb = (_WORD_BITS // self._rows).bit_length() - 1
        unchanged = self._follow(m, number_in_word, verdict, begins=begins, arrives=fills & (step == 0), apart=row_lsb)
        request = self.walk.payload.request
        m.d.comb += [
            total.eq(place.base + index),
            number_in_word.eq(bit_in_word(access, fmt, self._formats)),
            self.map_error.eq(waits & self.walk_answer_valid & self.walk_answer.error),
            self.admitted.eq(verdict & ~closed & ~(self.wanted.write & in_map)),
            self.fill.eq(fills), self.fill_row.eq(number_in_word[row_lsb:] ^ step),
            self.fill_whole.eq(
                (step == self._rows - 1) & unchanged & ~closed & ~(near_map & (access.write if self._split else Const(1)))
            ),
            self.fill_data.eq(word.word_select(self.fill_row, _WORD_BITS // self._rows)),
            request.address.eq(Cat(Const(0, 2), self.address)), request.space.eq(Space.MEMORY), request.mask.eq(-1), request.last.eq(1),
            request.authority.eq(Authority.RING_MINUS_1), self.walk.payload.admitted.eq(1), self.walk.payload.walker.eq(1),
        ]  # fmt: skip

        def forget() -> None:
            with m.If(self.flush):
                m.d.sync += self.decided.eq(0)
                m.next = "IDLE"

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [
                    self.rests.eq(1), self.idle.eq(~self.start), self.quiet.eq(1),
                    chosen.eq(Mux(fmt == Format.UNIFORM, 0, access.requester)),
                ]  # fmt: skip
                m.d.sync += [number.eq(0), around.eq(0)]
                with m.If(self.start):
                    m.next = "PLACE"
                with m.Else():
                    m.d.sync += access.eq(self.wanted)
                forget()
            with m.State("PLACE"):
                m.d.comb += [self.quiet.eq(1), begins.eq(1), chosen.eq(0)]
                m.d.sync += [
                    self.address.eq(total), closed.eq((index >= place.length) | total[-1] | ~is_built(fmt, self._formats)),
                ]  # fmt: skip
                m.next = "BOUND" if several else "COMPARE"
                forget()
            if several:
                with m.State("BOUND"):
                    m.d.comb += self.quiet.eq(1)
                    m.next = "COMPARE"
                    forget()
            with m.State("COMPARE"):
                m.d.comb += [self.quiet.eq(1), compares.eq(1), chosen.eq(number + 1)]
                m.d.sync += around.eq(~around)
                with m.If(around):
                    m.d.sync += number.eq(number + 1)
                    with m.If(self._is_last(number)):
                        m.d.sync += step.eq(0)
                        m.next = "READ"
                        with m.If(closed):
                            m.next = "FILL"
                forget()
            with m.State("READ"):
                m.d.comb += self.walk.valid.eq(1)
                with m.If(self.walk.ready):
                    m.next = "WAIT"
            with m.State("WAIT"):
                m.d.comb += waits.eq(1)
                with m.If(self.walk_answer_valid):
                    # Where the map could not be read, the verdict is for this access alone: the next one tries again.
                    m.d.sync += [closed.eq(self.walk_answer.error), word.eq(self.walk_answer.data)]
                    m.next = "FILL"
            with m.State("FILL"):
                m.d.comb += [self.quiet.eq(1), fills.eq(1)]
                m.d.sync += [step.eq(step + 1), self.decided.eq((self.decided | (step == 0)) & ~self.left)]
                with m.If(step == self._rows - 1):
                    m.next = "DECIDED"
                forget()
            with m.State("DECIDED"):
                m.d.comb += self.quiet.eq(1)
                with m.If(self.left | ~self.decided):
                    m.d.sync += self.decided.eq(0)
                    m.next = "IDLE"
                forget()
        if several:
            m.d.sync += place.eq(Array(policy.maps)[chosen])
        else:
            m.d.comb += place.eq(policy.maps[0])
        m.d.sync += [
            compared.eq(self._overlaps(bounds, around)),
            of_page.eq(compares & ~around & bounds.some), of_region.eq(compares & around & bounds.some),
            in_map.eq(~begins & (in_map | (of_page & compared.all()))), near_map.eq(~begins & (near_map | (of_region & compared.all()))),
        ]  # fmt: skip
        # While a map is compared with the page its successor is fetched, and bounded while it is compared with what is around.
        with m.If(around | ~compares):
            m.d.sync += bounds.eq(_bounds_of(m, place))
        return m

    def _is_last(self, number: Signal) -> Value:
        """Whether no further map is in use."""
        last = len(self.policy.maps) - 1
        return (number == last) | (self.policy.map_format == Format.UNIFORM) if last else Const(1)

    def _follow(self, m: Module, number: Value, verdict: Signal, *, begins: Value, arrives: Value, apart: int) -> Value:
        """``verdict`` is bit ``number`` of what has ``arrived``, and of what has been written there since the walk began. Returns whether
        nothing at all has been written to the word since then, nor is being written now."""
        here = Signal()
        hits = Signal()
        touched = Signal()  # some of the word has been written
        newer = Signal()  # the verdict has been
        m.d.comb += [
            here.eq(all_of(groups_of(m, [self.written.valid, *equal_pairs(m, self.written.word, self.address, "written")], "here"))),
            hits.eq(here & self.written.mask.bit_select(number[_BYTE_BITS:], 1)),
        ]
        m.d.sync += [touched.eq(~begins & (touched | here)), newer.eq(~begins & (newer | hits))]
        with m.If(hits):
            m.d.sync += verdict.eq(self.written.data.bit_select(number, 1))
        with m.Elif(arrives & ~newer):
            m.d.sync += verdict.eq(self.fill_data.bit_select(number[:apart], 1))
        return ~touched & ~here

    def _overlaps(self, bounds: data.View, around: Value) -> Value:
        """Both bits are 1 if the map, if it has a length, has a word in the access's page, or with ``around`` in any of the 32 pages
        around it."""
        page, low = self.access.page, around.replicate(REGION_BITS)
        first_page = Cat(page[:REGION_BITS] & ~low, page[REGION_BITS:])
        last_page = Cat(page[:REGION_BITS] | low, page[REGION_BITS:])
        # A page begins before the end of the map if it comes before the end's page, or is that page and the end is not its first word.
        begins_before_end = Cat(Const(0, 1), first_page) < Cat(bounds.end_within_page.any(), bounds.end_page)
        return Cat(bounds.first_page <= last_page, begins_before_end)
