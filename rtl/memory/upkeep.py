"""Orders to TLBs and caches: wait until both sides are quiet, act, wait until it is done."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.special import TlbFlush
from rtl.memory.port import MaintenanceSignature
from rtl.mmu.entry import PAGE_WIDTH
from rtl.mmu.tlb import ASID_WIDTH, FlushOrder

__all__ = ["FlushWord", "Upkeep"]


class FlushWord(data.Struct):
    """The word written to Special.FLUSH_TLB."""

    kind: TlbFlush
    _3: 1
    asid: ASID_WIDTH
    page: PAGE_WIDTH


class Upkeep(wiring.Component):
    """Flushes wait for walks under way, so that none of them fills a TLB with what has just been dropped.

    Members
    -------
    asked : In(MaintenanceSignature)
    asid : In(8), in force now
    pause : Out(1), nothing new is begun; ``quiet`` In(1): nothing is under way
    flush : Out(1) for one cycle, with ``order`` Out(FlushOrder): both TLBs
    clear_caches : Out(1) for one cycle
    busy : In(1), a TLB or cache has not finished (after reset too)
    """

    asked: In(MaintenanceSignature())
    asid: In(ASID_WIDTH)
    pause: Out(1)
    quiet: In(1)
    flush: Out(1)
    order: Out(FlushOrder)
    clear_caches: Out(1)
    busy: In(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        asked, order = self.asked, self.order
        word = Signal(FlushWord)
        m.d.comb += [word.eq(asked.operand), order.asid.eq(self.asid), order.page.eq(word.page)]
        with m.If(asked.invalidate_page):
            m.d.comb += order.page_only.eq(1)
        with m.Else():
            with m.Switch(word.kind):
                with m.Case(TlbFlush.CURRENT_NON_GLOBAL):
                    m.d.comb += order.keep_global.eq(1)
                with m.Case(TlbFlush.CURRENT_ALL):
                    pass
                with m.Case(TlbFlush.ASID_ALL):
                    m.d.comb += order.asid.eq(word.asid)
                with m.Case(TlbFlush.ASID_NON_GLOBAL):
                    m.d.comb += [order.asid.eq(word.asid), order.keep_global.eq(1)]
                with m.Case(TlbFlush.ASID_PAGE):
                    m.d.comb += [order.asid.eq(word.asid), order.page_only.eq(1)]
                with m.Default():  # EVERYTHING
                    m.d.comb += order.everything.eq(1)
        with m.FSM():
            with m.State("WAIT"):
                m.d.comb += self.pause.eq(asked.valid | self.busy)
                with m.If(asked.valid & self.quiet & ~self.busy):
                    m.d.comb += [self.flush.eq(asked.invalidate_page | asked.flush_tlb), self.clear_caches.eq(asked.flush_caches)]
                    m.next = "ACT"
            with m.State("ACT"):
                m.d.comb += self.pause.eq(1)
                with m.If(~self.busy):
                    m.d.comb += asked.done.eq(1)
                    m.next = "WAIT"
        return m
