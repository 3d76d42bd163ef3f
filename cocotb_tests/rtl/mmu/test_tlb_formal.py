"""Proof: what a TLB hands out for a page and an ASID is what was last filled for that very page and ASID, and no flush has covered since.

The page and the ASID are arbitrary but fixed. The proof is by induction over any length of time and any sequence of lookups, fills,
drops and flushes that keeps the TLB's one rule (none of them while it is ``busy``).
"""

import pytest
from amaranth.hdl import Assert, Assume, Module, Mux, Signal, Value
from amaranth.hdl._ast import AnyConst
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In

from cocotb_tests.opened import Opened
from cocotb_tests.prover import prove, refute
from rtl.mmu.entry import PAGE_WIDTH, Translation
from rtl.mmu.tlb import ASID_WIDTH, FlushOrder, Tlb, slot_of
from rtl.params import CoreParams

PROOF_DEPTH, SEARCH_DEPTH = 2, 8


class Harness(wiring.Component):
    """The TLB under any stimulus, and what it must remember of one page in one ASID, arbitrary but fixed.

    With a seeded bug (``invariants`` false) the promise alone is looked at.
    """

    lookup: In(1)
    lookup_page: In(PAGE_WIDTH)
    lookup_asid: In(ASID_WIDTH)
    fill: In(1)
    drop: In(1)
    fill_page: In(PAGE_WIDTH)
    fill_asid: In(ASID_WIDTH)
    fill_entry: In(Translation)
    flush: In(1)
    order: In(FlushOrder)

    def __init__(self, tlb: Tlb, *, entries: int, invariants: bool) -> None:
        self._tlb = tlb
        self._invariant = invariants
        self._slot_bits = entries.bit_length() - 1
        super().__init__()

    def elaborate(self, platform) -> Module:
        m = Module()
        tlb = self._tlb
        port = tlb.port
        m.submodules.tlb = tlb
        inside = Opened(tlb)
        m.d.comb += [
            port.lookup.eq(self.lookup), port.page.eq(self.lookup_page), port.asid.eq(self.lookup_asid),
            port.fill.eq(self.fill), port.drop.eq(self.drop), port.fill_page.eq(self.fill_page), port.fill_asid.eq(self.fill_asid),
            port.fill_entry.eq(self.fill_entry), tlb.flush.eq(self.flush), tlb.order.eq(self.order),
        ]  # fmt: skip

        # The rules of use, and the one page and ASID that we watch.
        page, asid = Signal(PAGE_WIDTH), Signal(ASID_WIDTH)
        m.d.comb += [
            page.eq(AnyConst(PAGE_WIDTH)), asid.eq(AnyConst(ASID_WIDTH)),
            Assume(~(tlb.busy & (self.lookup | self.fill | self.drop | self.flush))),
            Assume(self.fill + self.drop + self.flush <= 1),
        ]  # fmt: skip

        # What must be remembered.
        present = Signal()
        entry = Signal(Translation)

        def in_space(order: data.View) -> Value:
            same = (order.page == page) | (entry.large & (order.page[10:] == page[10:]))
            return (order.asid == asid) & ~(order.keep_global & entry.global_) & (same | ~order.page_only)

        concerned = (self.fill_page == page) & (self.fill_asid == asid)
        with m.If(self.flush & (self.order.everything | in_space(self.order))):
            m.d.sync += present.eq(0)
        with m.If(self.drop & concerned):
            m.d.sync += present.eq(0)
        with m.If(self.fill & concerned):
            m.d.sync += [present.eq(1), entry.eq(self.fill_entry)]

        # What is promised.
        asked = Signal()
        with m.If(self.lookup):
            m.d.sync += asked.eq((self.lookup_page == page) & (self.lookup_asid == asid))
        m.d.comb += Assert(tlb.busy | ~(asked & port.hit) | (present & (port.entry == entry)))

        if not self._invariant:
            return m

        # What carries the induction: the same of the slot in which the translation would lie, but for what a flush has yet to judge.
        slot = Signal(self._slot_bits)
        peek = tlb.array.read_port(domain="comb")
        stored, found = peek.data, tlb.array.read_ports[0].data
        sweeping, judged, order = inside["sweeping"], inside["judged"], inside.shaped("order", FlushOrder)
        held, current = inside["held"], inside["current"]
        held_here, pending = Signal(), Signal()
        mine = tlb.valid.bit_select(slot, 1) & (stored.page == page) & (stored.asid == asid)
        m.d.comb += [
            slot.eq(slot_of(page, asid, self._slot_bits)), peek.addr.eq(slot), held_here.eq(held == slot),
            pending.eq((sweeping & (inside["slot"] <= slot)) | (judged & held_here)),
            Assert(~mine | (stored.entry == entry)),
            Assert(~mine | present | (pending & in_space(order))),
            Assert(~((judged | current) & held_here) | (found == stored)),
            Assert(~tlb.busy | ~current),
            Assert(~(asked & current) | ((inside["page"] == page) & (inside["asid"] == asid) & held_here & tlb.valid.bit_select(slot, 1))),
        ]  # fmt: skip
        return m


class SharesSpaces(Tlb):
    """Seeded bug: the ASID is not compared."""

    @staticmethod
    def same_space(tag, asid):
        return tag == tag


class SharesOddSpaces(Tlb):
    """Seeded bug: the lowest bit of the ASID is not compared."""

    @staticmethod
    def same_space(tag, asid):
        return tag[1:] == asid[1:]


class CutsAsids(Tlb):
    """Seeded bug: an ASID that does not fit is cut to the tag's width."""

    @staticmethod
    def same_space(tag, asid):
        return tag == asid[: len(tag)]


class KeepsGlobals(Tlb):
    """Seeded bug: no flush drops a global entry."""

    @staticmethod
    def covers(order, found):
        return Mux(found.entry.global_, 0, Tlb.covers(order, found))


class ForgetsLargePages(Tlb):
    """Seeded bug: a flush of a page drops only that part of a 4 MiB page."""

    @staticmethod
    def covers(order, found):
        return Tlb.covers(order, found) & (~order.page_only | (found.page == order.page))


def harness(tlb: type[Tlb], *, entries: int, asid_width: int) -> Harness:
    """The proof's circuit around ``tlb``."""
    return Harness(tlb(entries=entries, asid_width=asid_width), entries=entries, invariants=tlb is Tlb)


@pytest.mark.formal
def test_an_entry_is_used_under_its_own_asid_only():
    params = CoreParams.default()
    outcome = prove("tlb", harness(Tlb, entries=params.dtlb_entries, asid_width=params.asid_width), depth=PROOF_DEPTH)
    assert outcome.status == "PASS", outcome


@pytest.mark.formal
@pytest.mark.parametrize("bug", [SharesSpaces, SharesOddSpaces, CutsAsids, KeepsGlobals, ForgetsLargePages])
def test_seeded_bugs_are_found(bug):
    outcome = refute(f"tlb-{bug.__name__}", harness(bug, entries=2, asid_width=3), depth=SEARCH_DEPTH)
    assert outcome.status == "FAIL", outcome
