"""The page walker: two levels, 4 KiB and 4 MiB pages, accessed and dirty bits (Intel SDM vol. 3, 4.3 and 4.8).

A directory entry that points to a table gets A when it is used; the entry that maps the page gets A, and D for a write, only once the
rights allow the access. Each such update reads the entry again with the bus locked and writes it only if that entry asks for it too.
"""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from contracts.bus import BusSignature, Space
from rtl.arch.registers import Mode
from rtl.mmu.entry import INDEX_WIDTH, PAGE_WIDTH, PageEntry, Translation, through_a20
from rtl.mmu.rights import page_error, permitted

__all__ = ["LINE_WIDTH", "WalkRequest", "WalkResult", "WalkSignature", "Walker"]

LINE_WIDTH = 28  # of a 16-byte line's number
_LINE_BITS = 4


class WalkRequest(data.Struct):
    """What to translate, for whom and in which state of the processor."""

    page: PAGE_WIDTH
    user: 1
    write: 1
    leave_clean: 1  # the write will be refused: its rights are checked, D is not set
    mode: Mode
    cr3: 32
    ring_minus_1: 1  # authority of the walk's bus requests
    a20_masked: 1  # as MemoryState's; frames found are not masked


class WalkResult(data.Struct):
    """A translation, or ``fault`` with the error code, or ``retry``: nothing was found out, ask again."""

    fault: 1
    error: 4
    retry: 1
    entry: Translation


class WalkSignature(wiring.Signature):
    """As the one who asks sees it: ``valid`` with ``request`` is held until ``done`` (one cycle) brings ``result``."""

    def __init__(self) -> None:
        super().__init__({"valid": Out(1), "request": Out(WalkRequest), "done": In(1), "result": In(WalkResult)})


class Walker(wiring.Component):
    """One walk at a time; data accesses come before instruction fetches.

    Members
    -------
    data, fetch : In(WalkSignature)
    bus : Out(BusSignature), single reads and writes
    data_locked : In(1), the data side holds the bus locked: updates for the fetch side wait (``retry``)
    announce : Out(1), with ``announce_line`` Out(28): a line of memory has been written; held until ``announced`` In(1)
    """

    data: In(WalkSignature())
    fetch: In(WalkSignature())
    bus: Out(BusSignature())
    data_locked: In(1)
    announce: Out(1)
    announce_line: Out(LINE_WIDTH)
    announced: In(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        request = Signal(WalkRequest)
        for_fetch = Signal()
        address = Signal(30)  # of the entry, in words
        in_table = Signal()  # second level
        directory = Signal(PageEntry)  # rights of the first level while in the second
        entry = Signal(PageEntry)
        locked = Signal()

        # What the entry says.
        large = Signal()
        leaf = Signal()
        reserved = Signal()
        page_user = Signal()
        page_writable = Signal()
        refused = Signal()
        faulty = Signal()
        update = Signal()
        updated = Signal(PageEntry)
        allowed = permitted(
            page_user, page_writable, user=request.user, write=request.write, write_protect=request.mode.wp
        )  # fmt: skip
        dirties = leaf & request.write & ~request.leave_clean
        m.d.comb += [
            large.eq(~in_table & entry.large & request.mode.pse),
            leaf.eq(in_table | large),
            reserved.eq(entry.present & large & entry.frame[:INDEX_WIDTH].any()),
            page_user.eq(entry.user & (~in_table | directory.user)),
            page_writable.eq(entry.writable & (~in_table | directory.writable)),
            refused.eq(leaf & ~allowed),
            faulty.eq(~entry.present | reserved | refused),
            update.eq(~faulty & (~entry.accessed | (dirties & ~entry.dirty))),
            updated.eq(entry),
            updated.accessed.eq(1),
            updated.dirty.eq(entry.dirty | dirties),
        ]

        found = Signal(WalkResult)
        m.d.comb += [
            found.fault.eq(faulty),
            found.error.eq(page_error(present=entry.present, write=request.write, user=request.user, reserved=reserved)),
            found.entry.frame.eq(Mux(large, Cat(request.page[:INDEX_WIDTH], entry.frame[INDEX_WIDTH:]), entry.frame)),
            found.entry.user.eq(page_user),
            found.entry.writable.eq(page_writable),
            found.entry.dirty.eq(entry.dirty),
            found.entry.cache_disable.eq(entry.cache_disable),
            found.entry.global_.eq(entry.global_ & request.mode.pge),
            found.entry.large.eq(large),
            self.data.result.eq(found),
            self.fetch.result.eq(found),
        ]
        done = Signal()
        give_up = Signal()
        m.d.comb += [
            self.data.done.eq(done & ~for_fetch),
            self.fetch.done.eq((done & for_fetch) | give_up),
            self.fetch.result.retry.eq(give_up),
        ]

        physical = Cat(address[:INDEX_WIDTH], through_a20(address[INDEX_WIDTH:], request.a20_masked))
        m.d.comb += [
            self.bus.req.address.eq(Cat(Const(0, 2), physical)),
            self.bus.req.space.eq(Space.MEMORY),
            self.bus.req.mask.eq(~0),
            self.bus.req.data.eq(entry),
            self.bus.req.last.eq(1),
            self.bus.req.authority.eq(request.ring_minus_1),
            self.announce_line.eq(physical[_LINE_BITS - 2 :]),
        ]
        wait_for_lock = locked & for_fetch & self.data_locked
        write_entry = Signal()
        chosen = Signal(WalkRequest)
        m.d.comb += chosen.eq(Mux(self.data.valid, self.data.request, self.fetch.request))
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [
                    request.eq(chosen), for_fetch.eq(~self.data.valid), in_table.eq(0), locked.eq(0),
                    address.eq(Cat(chosen.page[INDEX_WIDTH:], chosen.cr3[12:])),
                ]  # fmt: skip
                with m.If(self.data.valid | self.fetch.valid):
                    m.next = "READ"
            with m.State("READ"):
                m.d.comb += [self.bus.req_valid.eq(~wait_for_lock), self.bus.req.lock.eq(locked)]
                with m.If(wait_for_lock):
                    m.d.comb += give_up.eq(1)
                    m.next = "IDLE"
                with m.Elif(self.bus.req_ready):
                    m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.sync += entry.eq(self.bus.rsp.data)
                with m.If(self.bus.rsp_valid):
                    m.next = "JUDGE"
            with m.State("JUDGE"):
                with m.If(locked):  # the lock ends with a write, whether it changes anything or not
                    m.d.sync += [write_entry.eq(update), locked.eq(0)]
                    with m.If(update):
                        m.d.sync += entry.eq(updated)
                    m.next = "WRITE"
                with m.Elif(update):
                    m.d.sync += locked.eq(1)
                    m.next = "READ"
                with m.Elif(leaf | faulty):
                    m.d.comb += done.eq(1)
                    m.next = "IDLE"
                with m.Else():
                    m.d.sync += [in_table.eq(1), directory.eq(entry), address.eq(Cat(request.page[:INDEX_WIDTH], entry.frame))]
                    m.next = "READ"
            with m.State("WRITE"):
                m.d.comb += [self.bus.req_valid.eq(1), self.bus.req.write.eq(1), self.bus.req.mask.eq(Mux(write_entry, ~0, 0))]
                with m.If(self.bus.req_ready):
                    m.next = "WRITTEN"
            with m.State("WRITTEN"):
                with m.If(self.bus.rsp_valid):
                    m.next = "ANNOUNCE"
            with m.State("ANNOUNCE"):
                m.d.comb += self.announce.eq(1)
                with m.If(self.announced):
                    m.next = "JUDGE"
        return m
