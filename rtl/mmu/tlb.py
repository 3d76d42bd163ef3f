"""A translation lookaside buffer: direct-mapped, every entry tagged with its page and its address-space identifier.

The rule that isolation rests on is local to this file: ``hit`` compares the tag's ASID with the ASID of the lookup, whatever slot the
entry lies in, and nothing but a fill writes a tag.
"""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from rtl.mmu.entry import INDEX_WIDTH, PAGE_WIDTH, Translation

__all__ = ["ASID_WIDTH", "FlushOrder", "Tlb", "TlbSignature", "slot_of"]

ASID_WIDTH = 8  # of the wires; the tag keeps as many bits as the configuration has


class FlushOrder(data.Struct):
    """Which entries go: all; or those of ``asid``, fewer if ``keep_global`` or ``page_only``."""

    everything: 1
    keep_global: 1  # entries with G stay
    page_only: 1  # only those that translate ``page``
    asid: ASID_WIDTH
    page: PAGE_WIDTH


class TlbSignature(wiring.Signature):
    """Lookups and fills, as their user sees them.

    Members
    -------
    lookup : Out(1), with ``page`` Out(20) and ``asid`` Out(8)
    hit : In(1), ``entry`` : In(Translation): the answer, from the next cycle on until the next lookup. A fill, drop or flush in the
        lookup's cycle or after it ends the hit
    fill : Out(1), with ``fill_page``, ``fill_asid``, ``fill_entry``: replaces what lies in that slot
    drop : Out(1), with ``fill_page``, ``fill_asid``: empties that slot
    """

    def __init__(self) -> None:
        super().__init__({
            "lookup": Out(1), "page": Out(PAGE_WIDTH), "asid": Out(ASID_WIDTH), "hit": In(1), "entry": In(Translation),
            "fill": Out(1), "drop": Out(1),
            "fill_page": Out(PAGE_WIDTH), "fill_asid": Out(ASID_WIDTH), "fill_entry": Out(Translation),
        })  # fmt: skip


def slot_of(page: Value, asid: Value, slot_bits: int) -> Value:
    """Slot of a page: all its bits folded, and the ASID's from the other end, so that neighbours and address spaces spread."""
    slot = asid[::-1][:slot_bits]
    for low in range(0, PAGE_WIDTH, slot_bits):
        slot = slot ^ page[low : low + slot_bits]
    return slot[:slot_bits]


class Tlb(wiring.Component):
    """TLB of ``entries`` slots (a power of two, at least 2).

    An ASID that does not fit ``asid_width`` bits never hits and is never kept.

    Members
    -------
    port : In(TlbSignature)
    flush : In(1), with ``order`` In(FlushOrder); not while ``busy``
    busy : Out(1): a flush goes through the slots (one a cycle); no lookup or fill meanwhile
    """

    def __init__(self, *, entries: int, asid_width: int) -> None:
        if entries < 2 or entries & (entries - 1):
            raise ValueError(f"a TLB of {entries} entries: must be a power of two, at least 2")
        if not 1 <= asid_width <= ASID_WIDTH:
            raise ValueError(f"ASIDs of {asid_width} bits: must be 1 to {ASID_WIDTH}")
        self._entries = entries
        self._asid_width = asid_width
        tag = data.StructLayout({"page": PAGE_WIDTH, "asid": asid_width, "entry": Translation})
        self.array = memory.Memory(shape=tag, depth=entries, init=[])
        self.valid = Signal(entries)
        super().__init__(
            {
                "port": In(TlbSignature()),
                "flush": In(1),
                "order": In(FlushOrder),
                "busy": Out(1),
            }
        )

    @staticmethod
    def same_space(tag: Value, asid: Value) -> Value:
        """The comparison that keeps address spaces apart."""
        return tag == asid

    @staticmethod
    def covers(order: data.View, found: data.View) -> Value:
        """Whether a flush takes an entry away."""
        same_page = (found.page == order.page) | (found.entry.large & (found.page[INDEX_WIDTH:] == order.page[INDEX_WIDTH:]))
        kept = order.keep_global & found.entry.global_
        return (found.asid == order.asid) & ~kept & (~order.page_only | same_page)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        port = self.port
        slot_bits = self._entries.bit_length() - 1
        m.submodules.array = array = self.array
        valid = self.valid
        read = array.read_port()
        write = array.write_port()

        # A flush reads slot after slot and judges each in the cycle after.
        sweeping = Signal()
        slot = Signal(slot_bits)
        judged = Signal()
        order = Signal(FlushOrder)
        m.d.comb += self.busy.eq(sweeping | judged)
        m.d.sync += judged.eq(sweeping)
        with m.If(self.flush & self.order.everything):
            m.d.sync += valid.eq(0)
        with m.Elif(self.flush):
            m.d.sync += [sweeping.eq(1), slot.eq(0), order.eq(self.order)]
        with m.If(sweeping):
            m.d.sync += [slot.eq(slot + 1), sweeping.eq(~slot.all())]

        # Lookup.
        page = Signal(PAGE_WIDTH)
        asid = Signal(ASID_WIDTH)
        held = Signal(slot_bits)  # the slot whose contents ``read.data`` are
        current = Signal()  # they were valid, and nothing has changed since
        address = Signal(slot_bits)
        m.d.comb += [
            address.eq(Mux(sweeping, slot, slot_of(port.page, port.asid, slot_bits))),
            read.addr.eq(address),
            read.en.eq(port.lookup | sweeping),
        ]
        with m.If(read.en):
            m.d.sync += [held.eq(address), page.eq(port.page), asid.eq(port.asid), current.eq(valid.bit_select(address, 1) & ~sweeping)]
        with m.If(port.fill | port.drop | self.flush):
            m.d.sync += current.eq(0)
        found = read.data
        m.d.comb += [
            port.entry.eq(found.entry),
            port.hit.eq(current & (found.page == page) & self.same_space(found.asid, asid)),
        ]

        covered = Signal()
        m.d.comb += covered.eq(self.covers(order, found))
        with m.If(judged & covered):
            m.d.sync += valid.bit_select(held, 1).eq(0)

        # Fill.
        target = slot_of(port.fill_page, port.fill_asid, slot_bits)
        fits = Signal()
        m.d.comb += [
            fits.eq(port.fill_asid[self._asid_width :] == 0),
            write.addr.eq(target),
            write.en.eq(port.fill & fits),
            write.data.page.eq(port.fill_page),
            write.data.asid.eq(port.fill_asid),
            write.data.entry.eq(port.fill_entry),
        ]
        with m.If(port.fill & fits):
            m.d.sync += valid.bit_select(target, 1).eq(1)
        with m.Elif(port.drop & fits):
            m.d.sync += valid.bit_select(target, 1).eq(0)
        return m
