"""The data access unit: translation, rights, splitting, cache, and the one effect that a store has at commit.

An access consists of one or two *pieces* (two where it crosses a 16-byte line) and of one or two *words* (two where it crosses a
double word). Cached loads work by pieces; stores and everything that goes straight to the bus work by words. Where it crosses a page,
both pages are translated and checked before anything else happens.

An access to be refused with #AC is translated and its rights are checked first, and nothing more: a page fault comes before #AC
(Intel SDM vol. 3, table 6-2, which leaves the order within a class to the processor; we take the table's). Its pages do not become dirty.

*Code that is being written.* Every line that a store changes is announced in the cycle of its commit, and a read for the instruction side
that starts later reaches the bus after the store. Where that does not come by itself (the second word of a store, and stores that go
straight to the bus), the lines are ``held``: announced early, not handed to the fetch side until the store has been
made, and announced once more then, in case the instruction cache has read one of them in between.
"""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from contracts.bus import Space
from rtl.memory.dcache import DataCacheSignature
from rtl.memory.line_cache import LINE_BITS, LINE_BYTES, LINE_WIDTH, sets_of
from rtl.memory.port import AccessKind, AccessRequest, AccessSignature
from rtl.memory.shape import WORD_BITS, WORD_BYTES, AccessShape, from_lanes, to_lanes
from rtl.memory.single import SingleSignature
from rtl.memory.state import MemoryState, is_uncacheable
from rtl.memory.store_buffer import Store
from rtl.mmu.entry import OFFSET_WIDTH, PAGE_WIDTH, through_a20
from rtl.mmu.rights import permitted
from rtl.mmu.tlb import TlbSignature
from rtl.mmu.walker import WalkSignature

__all__ = ["AccessUnit"]

_PAGE_LINE_BITS = OFFSET_WIDTH - LINE_BITS  # of a line's number in its page
_PAGE_WORD_BITS = OFFSET_WIDTH - WORD_BITS
_LINE_WORD_BITS = LINE_BITS - WORD_BITS
_BYTE_SHIFT = 3  # from bytes to bits
_SIZE_MASKS = {1: 0x0000_00FF, 2: 0x0000_FFFF, 4: 0xFFFF_FFFF}


class AccessUnit(wiring.Component):
    """Sits between the pipeline and TLB, cache, store buffer and bus, which are outside (``MemoryUnit`` joins them).

    Members
    -------
    access : In(AccessSignature)
    state : In(MemoryState)
    pause : In(1), no new access is taken; ``quiet`` Out(1): none is open
    tlb : Out(TlbSignature), walk : Out(WalkSignature), cache : Out(DataCacheSignature)
    push : Out(1), ``store`` Out(Store), ``full`` In(1): the store buffer; ``drained`` In(1): all stores have reached memory
    single : Out(SingleSignature), accesses that go straight to the bus; ``locked`` In(1): one of them has locked it
    written : Out(1), ``written_line`` Out(28): an announcement; ``heard`` In(1): it is passed on in this cycle
    may_commit : In(1), an announcement in this cycle would be heard
    held : Out(1), ``held_first``, ``held_last`` Out(28): lines not to be handed to the fetch side
    """

    def __init__(self, *, dcache_lines: int) -> None:
        sets = sets_of(dcache_lines)
        self._set_bits = sets.bit_length() - 1
        self._way = range(max(2, dcache_lines // sets))
        super().__init__({
            "access": In(AccessSignature()), "state": In(MemoryState), "pause": In(1), "quiet": Out(1),
            "tlb": Out(TlbSignature()), "walk": Out(WalkSignature()), "cache": Out(DataCacheSignature(lines=dcache_lines)),
            "push": Out(1), "store": Out(Store), "full": In(1), "drained": In(1),
            "single": Out(SingleSignature()), "locked": In(1),
            "written": Out(1), "written_line": Out(LINE_WIDTH), "heard": In(1), "may_commit": In(1),
            "held": Out(1), "held_first": Out(LINE_WIDTH), "held_last": Out(LINE_WIDTH),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        access, cache, tlb, walk, single = self.access, self.cache, self.tlb, self.walk, self.single
        request = Signal(AccessRequest)
        m.submodules.shape = shape = AccessShape()
        m.d.comb += shape.request.eq(request)
        byte = request.linear[:WORD_BITS]

        # Translation of the current piece.
        second = Signal()  # the current piece is the second
        probing = Signal()  # a page crossing is being translated, its data are not yet looked at
        page = Signal()  # page of the current piece: 1 only if it is another than the first piece's
        frames = [Signal(PAGE_WIDTH, name=f"frame{n}") for n in range(2)]
        known = Signal(2)  # of ``frames``
        strong = Signal(2)  # memory there is uncacheable
        paged = request.translate & self.state.mode.pg
        piece_line = Signal(LINE_WIDTH)  # linear
        frame = Signal(PAGE_WIDTH)
        frame_strong = Signal()
        translated = Signal()
        rights = permitted(
            tlb.entry.user, tlb.entry.writable, user=request.user, write=shape.stores, write_protect=self.state.mode.wp
        )  # fmt: skip
        m.d.comb += [
            page.eq(second & shape.crosses_page),
            piece_line.eq(Mux(second, shape.next_line, request.linear[LINE_BITS:])),
            translated.eq(~paged | known.bit_select(page, 1) | (tlb.hit & rights & (tlb.entry.dirty | ~shape.stores))),
        ]

        def physical(found: Value) -> Value:
            return through_a20(found, self.state.a20_masked)

        with m.If(known.bit_select(page, 1)):
            m.d.comb += [frame.eq(Mux(page, frames[1], frames[0])), frame_strong.eq(strong.bit_select(page, 1))]
        with m.Elif(paged):
            m.d.comb += [frame.eq(physical(tlb.entry.frame)), frame_strong.eq(is_uncacheable(frame) | tlb.entry.cache_disable)]
        with m.Else():
            m.d.comb += [frame.eq(physical(piece_line[_PAGE_LINE_BITS:])), frame_strong.eq(is_uncacheable(frame))]

        def remember(number: Value, found: Value, is_strong: Value) -> None:
            """``found`` is a frame as memory sees it."""
            for n in range(2):
                with m.If(number == n):
                    m.d.sync += [frames[n].eq(found), known[n].eq(1), strong[n].eq(is_strong)]

        first_frame = Signal(PAGE_WIDTH)
        last_frame = Signal(PAGE_WIDTH)
        first_line = Signal(LINE_WIDTH)
        last_line = Signal(LINE_WIDTH)
        m.d.comb += [
            first_frame.eq(Mux(known[0], frames[0], frame)),
            last_frame.eq(Mux(shape.crosses_page, frames[1], first_frame)),
            first_line.eq(Cat(request.linear[LINE_BITS:OFFSET_WIDTH], first_frame)),
            last_line.eq(Cat(shape.last_byte[LINE_BITS:], last_frame)),
            self.held_first.eq(first_line),
            self.held_last.eq(last_line),
        ]

        # Lookups: of the request that comes in, or of a piece of the open one.
        look_second = Signal()
        look_line = Signal(LINE_WIDTH)
        take = Signal()
        m.d.comb += [
            look_line.eq(Mux(look_second, shape.next_line, request.linear[LINE_BITS:])),
            cache.set.eq(look_line[: self._set_bits]),
            cache.line.eq(Cat(piece_line[:_PAGE_LINE_BITS], frame)),
            tlb.page.eq(look_line[_PAGE_LINE_BITS:]),
            tlb.asid.eq(self.state.asid),
            tlb.fill_page.eq(piece_line[_PAGE_LINE_BITS:]),
            tlb.fill_asid.eq(self.state.asid),
            tlb.fill_entry.eq(walk.result.entry),
            walk.request.page.eq(piece_line[_PAGE_LINE_BITS:]),
            walk.request.user.eq(request.user),
            walk.request.write.eq(shape.stores),
            walk.request.leave_clean.eq(request.misaligned),
            walk.request.mode.eq(self.state.mode),
            walk.request.cr3.eq(self.state.cr3),
            walk.request.ring_minus_1.eq(self.state.ring_minus_1),
            walk.request.a20_masked.eq(self.state.a20_masked),
        ]

        def look(at_second: Value | int) -> None:
            m.d.comb += [cache.lookup.eq(1), tlb.lookup.eq(1), look_second.eq(at_second)]

        # The data of a load: by pieces from lines, or by words from the bus.
        from_fill = Signal()
        from_bus = Signal()
        line_data = Signal(8 * LINE_BYTES)
        piece_data = Signal(32)
        first_part = Signal(32)
        behind = Signal(32)
        whole = Signal(32)
        m.d.comb += [
            line_data.eq(Mux(from_fill, cache.fill_data, cache.data)),
            piece_data.eq(from_lanes(line_data, Mux(second, 0, request.linear[:LINE_BITS]))),
            # The first piece gave 4 - byte bytes, and zeros above them.
            behind.eq(piece_data << Cat(Const(0, _BYTE_SHIFT), (WORD_BYTES - byte)[:WORD_BITS])),
            whole.eq(Mux(second, first_part | behind, piece_data)),
        ]
        with m.If(from_bus):
            m.d.comb += whole.eq(from_lanes(single.data, byte))
        for size, mask in _SIZE_MASKS.items():
            with m.If(request.size == size):
                m.d.comb += access.result.data.eq(whole & mask)
        m.d.comb += [
            access.result.error.eq(walk.result.error),
            access.result.fault_address.eq(Mux(second, shape.next_line << LINE_BITS, request.linear)),
            access.result.physical.eq(Mux(shape.memory, Cat(request.linear[:OFFSET_WIDTH], first_frame), request.linear)),
            access.result.physical_last.eq(
                Mux(shape.memory, Cat(shape.last_byte, last_frame), Cat(shape.last_byte, request.linear[OFFSET_WIDTH:]))
            ),
        ]

        # A store: what the cache must be told, and the words.
        hits = Signal(2)  # pieces whose line was in the cache
        ways = [Signal(self._way, name=f"way{n}") for n in range(2)]
        kept_data = Signal(32)
        store_data = Signal(32)
        lanes = Signal(32)
        word = Signal(30)
        second_word = Signal(30)
        next_word = word + 1
        m.d.comb += [
            store_data.eq(kept_data),
            lanes.eq(to_lanes(store_data, byte)),
            word.eq(Mux(shape.memory, Cat(request.linear[WORD_BITS:OFFSET_WIDTH], first_frame), request.linear[WORD_BITS:])),
            second_word.eq(Cat(next_word[:_PAGE_WORD_BITS], Mux(shape.memory, last_frame, next_word[_PAGE_WORD_BITS:30]))),
            self.store.data.eq(lanes),
            self.store.ring_minus_1.eq(self.state.ring_minus_1),
            cache.write_data.eq(Cat(lanes for _ in range(LINE_BYTES // WORD_BYTES))),
            single.request.first.eq(word),
            single.request.second.eq(second_word),
            single.request.two.eq(shape.crosses_word),
            single.request.mask.eq(shape.mask),
            single.request.data.eq(lanes),
            single.request.lock_between.eq(request.lock | self.locked),
            single.request.ring_minus_1.eq(self.state.ring_minus_1),
        ]
        with m.Switch(request.kind):
            with m.Case(AccessKind.IN, AccessKind.OUT):
                m.d.comb += single.request.space.eq(Space.IO)
            with m.Case(AccessKind.ACKNOWLEDGE):
                m.d.comb += single.request.space.eq(Space.INTERRUPT_ACKNOWLEDGE)
            with m.Case(AccessKind.SPECIAL_CYCLE):
                m.d.comb += single.request.space.eq(Space.SPECIAL_CYCLE)

        def update_first() -> None:
            """The first word and the first piece's line."""
            m.d.comb += [
                self.store.word.eq(word), self.store.mask.eq(shape.mask[:WORD_BYTES]),
                cache.write.eq(shape.stores & hits[0]), cache.write_set.eq(first_line[: self._set_bits]), cache.write_way.eq(ways[0]),
                cache.write_mask.eq((shape.mask << Cat(Const(0, WORD_BITS), word[:_LINE_WORD_BITS]))[:LINE_BYTES]),
            ]  # fmt: skip

        def update_second() -> None:
            """The second word, and the second piece's line if there is one."""
            m.d.comb += [
                self.store.word.eq(second_word), self.store.mask.eq(shape.mask[WORD_BYTES:]),
                cache.write.eq(shape.crosses_line & hits[1]), cache.write_set.eq(last_line[: self._set_bits]), cache.write_way.eq(ways[1]),
                cache.write_mask.eq(shape.mask[WORD_BYTES:]),
            ]  # fmt: skip

        def announce(line: Value) -> None:
            m.d.comb += [self.written.eq(1), self.written_line.eq(line)]

        # What goes straight to the bus.
        around = Signal()  # a load that must not bring a line into the cache
        direct = Signal()  # decided when the pieces are complete
        goes_direct = Signal()
        m.d.comb += goes_direct.eq(request.lock | self.locked | frame_strong | (shape.crosses_page & strong.any()))

        def piece_is_complete(hit: Value, way: Value) -> None:
            """Remembers it and goes on with the second, or ends the first half of the access."""
            for n in range(2):
                with m.If(second == n):
                    m.d.sync += [hits[n].eq(hit), ways[n].eq(way)]
            m.d.sync += [first_part.eq(piece_data), direct.eq(goes_direct)]
            with m.If(shape.crosses_line & ~second):
                m.d.sync += second.eq(1)
                look(1)
                m.next = "CHECK"
            with m.Elif(shape.loads & (goes_direct | around)):
                m.next = "READ"
            with m.Else():
                ends()

        def ends() -> None:
            m.d.comb += access.done.eq(1)
            with m.If(shape.stores & shape.crosses_line):
                m.next = "WARN"
            with m.Elif((request.kind == AccessKind.LOAD) | (request.kind == AccessKind.IN) | (request.kind == AccessKind.ACKNOWLEDGE)):
                m.next = "IDLE"
            with m.Else():
                m.next = "OPEN"

        def drop() -> None:
            """Nothing more will come of this access: a lock must not outlive it."""
            with m.If(self.locked):
                m.next = "UNLOCK"
            with m.Else():
                m.next = "IDLE"

        m.d.comb += access.busy.eq(1)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [
                    access.ready.eq(~self.pause), self.quiet.eq(1), access.idle.eq(self.drained), take.eq(access.valid & ~self.pause),
                    look_line.eq(access.request.linear[LINE_BITS:]), cache.lookup.eq(take), tlb.lookup.eq(take),
                ]  # fmt: skip
                m.d.sync += [request.eq(access.request), second.eq(0), probing.eq(1), known.eq(0), strong.eq(0), around.eq(0)]
                with m.If(take):
                    m.next = "CHECK"
            with m.State("CHECK"):
                with m.If(~shape.memory):
                    m.d.sync += direct.eq(1)
                    with m.If((request.kind == AccessKind.OUT) | (request.kind == AccessKind.SPECIAL_CYCLE)):
                        ends()
                    with m.Else():
                        m.next = "READ"
                with m.Elif(~translated):
                    m.next = "WALK"
                with m.Else():
                    remember(page, frame, frame_strong)
                    with m.If(shape.crosses_page & probing):
                        m.d.sync += [second.eq(~second), probing.eq(~second)]
                        look(~second)
                    with m.Elif(request.misaligned):
                        m.d.comb += [access.done.eq(1), access.result.fault.eq(1), access.result.alignment.eq(1)]
                        drop()
                    with m.Elif(shape.loads & ~goes_direct & ~around & ~cache.hit):
                        with m.If(self.state.cache_disable):
                            m.d.sync += around.eq(1)
                            look(second)
                        with m.Else():
                            m.d.comb += cache.fill.eq(1)
                            m.next = "FILL"
                    with m.Else():
                        piece_is_complete(cache.hit, cache.way)
            with m.State("WALK"):
                m.d.comb += walk.valid.eq(1)
                with m.If(walk.done & walk.result.fault):
                    m.d.comb += [tlb.drop.eq(1), access.done.eq(1), access.result.fault.eq(1)]
                    drop()
                with m.Elif(walk.done & ~walk.result.retry):
                    found = walk.result.entry
                    m.d.comb += tlb.fill.eq(1)
                    remember(page, physical(found.frame), is_uncacheable(physical(found.frame)) | found.cache_disable)
                    look(second)
                    m.next = "CHECK"
            with m.State("FILL"):
                m.d.comb += from_fill.eq(1)
                with m.If(cache.fill_done):
                    piece_is_complete(cache.fill_kept, cache.fill_way)
            with m.State("READ"):
                m.d.comb += [single.valid.eq(1), single.request.lock.eq(request.lock), from_bus.eq(1)]
                with m.If(single.done):
                    ends()
            with m.State("WARN"):  # a store that crosses lines announces the second one before its commit
                announce(last_line)
                with m.If(access.cancel):
                    drop()
                with m.Elif(self.heard):
                    m.next = "OPEN"
            with m.State("OPEN"):
                m.d.comb += [
                    access.busy.eq(shape.stores & (~self.may_commit | (self.full & ~direct))),
                    self.held.eq(shape.stores & shape.crosses_line),
                    store_data.eq(access.store_data),
                ]
                m.d.sync += kept_data.eq(access.store_data)
                with m.If(access.cancel):
                    drop()
                with m.Elif(access.commit):
                    update_first()
                    with m.If(shape.stores):
                        announce(first_line)
                    with m.If(direct):
                        m.next = "WRITE"
                    with m.Else():
                        m.d.comb += self.push.eq(1)
                        with m.If(shape.crosses_word):
                            m.next = "REST"
                        with m.Else():
                            m.next = "IDLE"
            with m.State("REST"):  # the second word
                update_second()
                m.d.comb += self.held.eq(1)
                announce(last_line)
                with m.If(~self.full & self.heard):
                    m.d.comb += self.push.eq(1)
                    m.next = "IDLE"
            with m.State("WRITE"):  # straight to the bus
                update_second()
                m.d.comb += [
                    self.held.eq(shape.stores), single.valid.eq(1), single.request.write.eq(1),
                    single.request.lock.eq(request.lock & (request.kind == AccessKind.STORE)),
                ]  # fmt: skip
                with m.If(single.done):
                    with m.If(shape.stores):
                        m.next = "TELL"
                    with m.Else():
                        m.next = "IDLE"
            with m.State("TELL"):
                m.d.comb += self.held.eq(1)
                announce(first_line)
                with m.If(self.heard):
                    with m.If(shape.crosses_line):
                        m.next = "TELL SECOND"
                    with m.Else():
                        m.next = "IDLE"
            with m.State("TELL SECOND"):
                m.d.comb += self.held.eq(1)
                announce(last_line)
                with m.If(self.heard):
                    m.next = "IDLE"
            with m.State("UNLOCK"):
                m.d.comb += [
                    single.valid.eq(1), single.request.write.eq(1), single.request.two.eq(0), single.request.mask.eq(0),
                    single.request.first.eq(0), single.request.space.eq(Space.MEMORY),
                ]  # fmt: skip
                with m.If(single.done):
                    m.next = "IDLE"
        return m
