"""Proof: what a TLB hands out for a page and an ASID is what was last filled for that very page and ASID, and no flush has covered since.

The page and the ASID are arbitrary but fixed. The proof is by induction over any length of time and any sequence of lookups, fills,
drops and flushes that keeps the TLB's one rule (none of them while it is ``busy``).
"""

import pytest
from amaranth.hdl import Assert, Assume, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from cocotb_tests.prover import prove, refute
from rtl.mmu.entry import PAGE_WIDTH, Translation
from rtl.mmu.tlb import ASID_WIDTH, FlushOrder, Tlb, slot_of

TAG_WIDTH = 3


class Harness(wiring.Component):
    """The TLB under any stimulus, and what it must remember of ``page`` in ``asid``."""

    page: In(PAGE_WIDTH)
    asid: In(ASID_WIDTH)
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

    def __init__(self, tlb: Tlb, *, entries: int) -> None:
        self._tlb = tlb
        self._slot_bits = entries.bit_length() - 1
        super().__init__()

    def elaborate(self, platform) -> Module:
        m = Module()
        tlb = self._tlb
        port = tlb.port
        m.submodules.tlb = tlb
        m.d.comb += [
            port.lookup.eq(self.lookup), port.page.eq(self.lookup_page), port.asid.eq(self.lookup_asid),
            port.fill.eq(self.fill), port.drop.eq(self.drop), port.fill_page.eq(self.fill_page), port.fill_asid.eq(self.fill_asid),
            port.fill_entry.eq(self.fill_entry), tlb.flush.eq(self.flush), tlb.order.eq(self.order),
        ]  # fmt: skip

        # The rules of use, and the one page and ASID that we watch.
        first = Signal(init=1)
        page = Signal(PAGE_WIDTH)
        asid = Signal(ASID_WIDTH)
        m.d.sync += [first.eq(0), page.eq(self.page), asid.eq(self.asid)]
        m.d.comb += [
            Assume(first | ((page == self.page) & (asid == self.asid))),
            Assume(~(tlb.busy & (self.lookup | self.fill | self.drop | self.flush))),
            Assume(self.fill + self.drop + self.flush <= 1),
        ]

        # What must be remembered.
        present = Signal()
        entry = Signal(Translation)
        order = self.order
        same = (order.page == self.page) | (entry.large & (order.page[10:] == self.page[10:]))
        in_space = (order.asid == self.asid) & ~(order.keep_global & entry.global_) & (same | ~order.page_only)
        concerned = (self.fill_page == self.page) & (self.fill_asid == self.asid)
        with m.If(self.flush & (order.everything | in_space)):
            m.d.sync += present.eq(0)
        with m.If(self.drop & concerned):
            m.d.sync += present.eq(0)
        with m.If(self.fill & concerned):
            m.d.sync += [present.eq(1), entry.eq(self.fill_entry)]

        # What is promised.
        asked = Signal()
        with m.If(self.lookup):
            m.d.sync += asked.eq((self.lookup_page == self.page) & (self.lookup_asid == self.asid))
        m.d.comb += Assert(tlb.busy | ~(asked & port.hit) | (present & (port.entry == entry)))

        # The invariant that carries the induction: the same of the slot in which the translation would lie.
        slot = Signal(self._slot_bits)
        m.d.comb += slot.eq(slot_of(self.page, self.asid, self._slot_bits))
        inside = tlb.array.read_port(domain="comb")
        m.d.comb += inside.addr.eq(slot)
        stored = inside.data
        mine = tlb.valid.bit_select(slot, 1) & (stored.page == self.page) & (stored.asid == self.asid)
        m.d.comb += Assert(tlb.busy | ~mine | (present & (stored.entry == entry)))
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


def harness(tlb: type[Tlb], *, entries: int) -> Harness:
    """The proof's circuit around ``tlb``."""
    return Harness(tlb(entries=entries, asid_width=TAG_WIDTH), entries=entries)


@pytest.mark.formal
def test_an_entry_is_used_under_its_own_asid_only():
    # The depth exceeds the longest time that the TLB is busy: the induction starts from a moment at which it is not.
    outcome = prove("tlb", harness(Tlb, entries=4), depth=7)
    assert outcome.status == "PASS", outcome


@pytest.mark.formal
@pytest.mark.parametrize("bug", [SharesSpaces, SharesOddSpaces, CutsAsids, KeepsGlobals, ForgetsLargePages])
def test_seeded_bugs_are_found(bug):
    outcome = refute(f"tlb-{bug.__name__}", harness(bug, entries=2), depth=8)
    assert outcome.status == "FAIL", outcome
