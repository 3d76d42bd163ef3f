"""The instruction side: lines by linear address, through a TLB and a cache of its own.

Nothing is done ahead of need that could be seen: a line whose translation is not in the TLB, or that is uncacheable, waits until the
pipeline asks for it (``demand``). A request is worked on in the context that was in force when it was accepted, and is not translated while
that context differs from the processor's present one (a microprogram is changing it): what would be found then could outlive the flush
that goes with the change.
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from contracts.bus import BusSignature
from rtl.fetch.port import LineSignature
from rtl.memory.line_cache import LINE_BITS, LINE_WIDTH, LineCache, sets_of
from rtl.memory.line_fill import LineFill
from rtl.memory.state import MemoryState, is_uncacheable
from rtl.mmu.entry import OFFSET_WIDTH, PAGE_WIDTH, through_a20
from rtl.mmu.rights import permitted
from rtl.mmu.tlb import TlbSignature
from rtl.mmu.walker import WalkSignature

__all__ = ["InstructionCache"]

_PAGE_LINE_BITS = OFFSET_WIDTH - LINE_BITS
_USER_CPL = 3


class InstructionCache(wiring.Component):
    """``lines`` lines of 16 bytes. A hit answers in the cycle after the request.

    Members
    -------
    lines : In(LineSignature)
    state : In(MemoryState): the context latched for fetch; a change says that a redirect has come (CR0.CD and A20 are no part: left 0)
    present : In(MemoryState): the processor's
    redirect : In(1), the line being worked on is no longer wanted
    pause : In(1), begin nothing new; ``paused`` Out(1): nothing is being translated or read
    tlb : Out(TlbSignature), walk : Out(WalkSignature), bus : Out(BusSignature)
    invalidate : In(1), ``invalidate_line`` In(28): a line that is being written
    held : In(1), ``held_first``, ``held_last`` In(28): lines not to be handed out now
    clear : In(1), ``busy`` Out(1): as LineCache's
    """

    def __init__(self, *, lines: int) -> None:
        self._count = lines
        super().__init__({
            "lines": In(LineSignature()), "state": In(MemoryState), "present": In(MemoryState), "redirect": In(1),
            "pause": In(1), "paused": Out(1),
            "tlb": Out(TlbSignature()), "walk": Out(WalkSignature()), "bus": Out(BusSignature()),
            "invalidate": In(1), "invalidate_line": In(LINE_WIDTH),
            "held": In(1), "held_first": In(LINE_WIDTH), "held_last": In(LINE_WIDTH),
            "clear": In(1), "busy": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        port, tlb, walk = self.lines, self.tlb, self.walk
        state = Signal(MemoryState)  # of the open request
        m.submodules.cache = cache = LineCache(lines=self._count)
        m.submodules.fill = fill = LineFill()
        connect(m, fill.bus, flipped(self.bus))
        set_bits = sets_of(self._count).bit_length() - 1

        line = Signal(LINE_WIDTH)  # linear, of the open request
        redirected = Signal()  # since it was accepted
        unwanted = Signal()
        foreign = Signal()
        ahead = Signal()  # waits for the pipeline to ask for it
        frame = Signal(PAGE_WIDTH)  # found by a walk for the open request
        known = Signal()
        uncacheable = Signal()
        a20_masked = Signal()  # as it was when the open request was accepted

        present = self.present
        m.d.comb += [
            unwanted.eq(redirected | (state.as_value() != self.state.as_value())),
            foreign.eq(
                (state.cr3 != present.cr3) | (state.asid != present.asid) | (state.mode.pg != present.mode.pg)
                | (state.mode.pse != present.mode.pse) | (state.mode.pge != present.mode.pge)
            ),
        ]  # fmt: skip
        with m.If(self.redirect):
            m.d.sync += redirected.eq(1)

        user = state.mode.cpl == _USER_CPL
        paged = state.mode.pg
        allowed = permitted(tlb.entry.user, tlb.entry.writable, user=user, write=0, write_protect=0)
        translated = Signal()
        physical = Signal(LINE_WIDTH)
        found_frame = Signal(PAGE_WIDTH)
        strong = Signal()
        blocked = Signal()
        m.d.comb += [
            translated.eq(~paged | known | (tlb.hit & allowed)),
            found_frame.eq(through_a20(Mux(known, frame, Mux(paged, tlb.entry.frame, line[_PAGE_LINE_BITS:])), a20_masked)),
            strong.eq(is_uncacheable(found_frame) | Mux(known, uncacheable, paged & tlb.entry.cache_disable)),
            physical[:_PAGE_LINE_BITS].eq(line[:_PAGE_LINE_BITS]),
            physical[_PAGE_LINE_BITS:].eq(found_frame),
            blocked.eq(
                (self.invalidate & (self.invalidate_line == physical))
                | (self.held & ((self.held_first == physical) | (self.held_last == physical)))
            ),
        ]

        look = Signal()
        look_line = Signal(LINE_WIDTH)
        m.d.comb += [
            look_line.eq(line),
            cache.lookup.eq(look),
            cache.lookup_set.eq(look_line[:set_bits]),
            cache.line.eq(physical),
            tlb.lookup.eq(look),
            tlb.page.eq(look_line[_PAGE_LINE_BITS:]),
            tlb.asid.eq(state.asid),
            tlb.fill_page.eq(line[_PAGE_LINE_BITS:]),
            tlb.fill_asid.eq(state.asid),
            tlb.fill_entry.eq(walk.result.entry),
            walk.request.page.eq(line[_PAGE_LINE_BITS:]),
            walk.request.user.eq(user),
            walk.request.mode.eq(state.mode),
            walk.request.cr3.eq(state.cr3),
            walk.request.ring_minus_1.eq(state.ring_minus_1),
            walk.request.a20_masked.eq(a20_masked),
            fill.line.eq(physical),
            fill.ring_minus_1.eq(state.ring_minus_1),
            cache.fill_line.eq(fill.current),
            cache.fill_data.eq(fill.data),
            cache.clear.eq(self.clear),
            self.busy.eq(cache.busy),
            port.response_data.eq(cache.data),
            port.response_physical.eq(physical),
            port.response_error.eq(walk.result.error),
        ]
        for part in (cache, fill):
            m.d.comb += [part.invalidate.eq(self.invalidate), part.invalidate_line.eq(self.invalidate_line)]

        def again() -> None:
            """Looks the line up once more, later if something is going on."""
            with m.If(self.pause | foreign | unwanted):
                m.next = "WAIT"
            with m.Else():
                m.d.comb += look.eq(1)
                m.next = "CHECK"

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [
                    port.request_ready.eq(~self.pause), self.paused.eq(1),
                    look_line.eq(port.request_line), look.eq(port.request_valid & ~self.pause),
                ]  # fmt: skip
                m.d.comb += tlb.asid.eq(self.state.asid)
                m.d.sync += [line.eq(port.request_line), state.eq(self.state), known.eq(0), redirected.eq(self.redirect), ahead.eq(0)]
                m.d.sync += a20_masked.eq(present.a20_masked)
                with m.If(look):
                    m.next = "CHECK"
            with m.State("CHECK"):
                with m.If(~translated):
                    m.d.sync += ahead.eq(1)
                    with m.If(port.demand & ~self.pause & ~foreign & ~unwanted & ~self.redirect):
                        m.next = "WALK"
                    with m.Else():
                        m.next = "WAIT"
                with m.Elif(blocked):
                    again()
                with m.Elif(cache.hit):
                    m.d.comb += port.response_valid.eq(1)
                    m.next = "IDLE"
                with m.Elif(strong & ~port.demand):
                    m.d.sync += ahead.eq(1)
                    m.next = "WAIT"
                with m.Elif(self.pause):
                    m.next = "WAIT"
                with m.Else():
                    m.d.comb += fill.start.eq(1)
                    m.d.sync += uncacheable.eq(strong)
                    m.d.sync += [frame.eq(found_frame), known.eq(1)]
                    m.next = "FILL"
            with m.State("WAIT"):
                m.d.comb += self.paused.eq(1)
                m.d.sync += known.eq(0)
                with m.If(unwanted):
                    m.d.comb += [port.response_valid.eq(1), port.response_fault.eq(1)]
                    m.next = "IDLE"
                with m.Elif(~self.pause & ~foreign & (port.demand | ~ahead)):
                    m.d.comb += look.eq(1)
                    m.next = "CHECK"
            with m.State("WALK"):
                m.d.comb += walk.valid.eq(1)
                with m.If(walk.done):
                    with m.If(walk.result.retry):
                        again()
                    with m.Elif(walk.result.fault):
                        m.d.comb += [tlb.drop.eq(1), port.response_valid.eq(1), port.response_fault.eq(1)]
                        m.next = "IDLE"
                    with m.Else():
                        m.d.comb += tlb.fill.eq(1)
                        m.d.sync += [frame.eq(walk.result.entry.frame), uncacheable.eq(walk.result.entry.cache_disable), known.eq(1)]
                        again()
            with m.State("FILL"):
                m.d.comb += port.response_data.eq(fill.data)
                with m.If(fill.done):
                    m.d.comb += cache.fill.eq(~fill.stale & ~fill.failed & ~uncacheable & ~present.cache_disable)
                    with m.If(blocked | fill.stale):
                        m.d.sync += ahead.eq(0)
                        m.next = "WAIT"
                    with m.Else():
                        m.d.comb += port.response_valid.eq(1)
                        m.next = "IDLE"
        return m
