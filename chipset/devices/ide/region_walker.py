"""The bus master itself: follows a table of physical regions, and moves what the cable carries, a line of memory at a time."""

from collections.abc import Callable
from typing import Any

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.ide.cable import CABLE_WIDTH, CableSignature
from contracts.bus import BURST_WORDS, BusSignature, Space
from contracts.ide import PRD_SIZE

__all__ = ["RegionWalker"]

_LINE_BITS = 4
_LINE = 1 << _LINE_BITS  # bytes
_HALVES = _LINE // 2  # of a line: what the cable carries at a time
_WORD = 4
_HALF = 2
_REGION_MAX = 64 << 10


class _Count(data.Struct):
    """The COUNT word of a descriptor."""

    zero: 1
    halves: 15  # 0 is 64 KiB
    reserved: 15
    end: 1


class RegionWalker(wiring.Component):
    """One access to memory at a time: bursts where a whole aligned line moves, words otherwise, and of a word only the bytes of the region.

    Nothing is read from memory that the drive has not asked for (but for the rest of a line of the same region), and what the drive
    has read is in memory before its sector counts as moved. An error ends the transfer. After ``start`` a table is followed from its
    beginning; ``stop`` forgets how far it was, and what was under way, as does ``hold``.

    Members
    -------
    bus : Out(BusSignature)
    cable : In(CableSignature)
    table : In(32), byte address of the first descriptor; to_memory : In(1), what software says the direction is
    active : In(1); start, stop : In(1), one cycle each
    finish, fail : Out(1), one cycle: the last region has been moved; an access was refused, or the drive goes the other way
    enable : In(1), the function may access memory; without it the walker waits
    hold : In(1); at rest it clears everything. idle : Out(1), nothing is under way or kept
    """

    bus: Out(BusSignature())
    cable: In(CableSignature())
    table: In(32)
    to_memory: In(1)
    active: In(1)
    start: In(1)
    stop: In(1)
    finish: Out(1)
    fail: Out(1)
    enable: In(1)
    hold: In(1)
    idle: Out(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus, cable = self.bus, self.cable
        self._pointer = pointer = Signal(32)  # of the next descriptor
        self._base = base = Signal(32)  # of what is left of the region
        self._left = left = Signal(range(_REGION_MAX + 1))  # bytes
        self._end = end_of_table = Signal()  # the region is the table's last
        self._line = line = Signal(data.ArrayLayout(CABLE_WIDTH, _HALVES))
        self._held = held = Signal(_HALVES)  # which of them are data on their way
        self._line_address = line_address = Signal(32 - _LINE_BITS)
        self._beat = beat = Signal(range(BURST_WORDS))
        self._burst = burst = Signal()
        failed = Signal()  # an earlier beat of the answer, or write of the line, had an error
        fresh = Signal()  # the table has been begun and nothing of it is known
        cancel = Signal()  # what is under way is of no use any more
        drop = Signal()
        wipe = Signal()  # it was held, and has not been cleared
        half = base[1:_LINE_BITS]
        finished, error = Signal(), Signal()
        m.d.comb += [
            bus.req.space.eq(Space.MEMORY), drop.eq(cancel | self.stop | self.hold),
            finished.eq(bus.rsp_valid & bus.rsp.last), error.eq(failed | bus.rsp.error), cable.settled.eq(~held.any()),
            cable.write.payload.eq(line[half]), cable.failed.eq(self.fail),
        ]  # fmt: skip
        with m.If(bus.rsp_valid):
            m.d.sync += failed.eq(error)

        def moved_on() -> list[Any]:
            """Past one half."""
            return [base.eq(base + _HALF), left.eq(left - _HALF)]

        def give_up() -> None:
            m.d.comb += self.fail.eq(1)
            m.d.sync += [held.eq(0), left.eq(0)]
            m.next = "IDLE"

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.idle.eq(~held.any() & ~fresh)
                m.d.sync += [cancel.eq(0), failed.eq(0)]
                with m.If(drop):
                    m.d.sync += [held.eq(0), left.eq(0), end_of_table.eq(0)]
                with m.Elif(fresh):
                    m.d.sync += [fresh.eq(0), pointer.eq(self.table), left.eq(0), end_of_table.eq(0), held.eq(0)]
                with m.Elif(self.active & self.enable & cable.request):
                    m.next = "STEP"
                    with m.If(self.to_memory != cable.to_host):
                        give_up()
            with m.State("STEP"):  # between two accesses
                m.d.sync += [beat.eq(0), failed.eq(0)]
                with m.If(drop | ~self.enable):
                    m.next = "IDLE"
                with m.Elif((left == 0) & end_of_table):
                    m.d.comb += self.finish.eq(1)
                    m.next = "IDLE"
                with m.Elif(~cable.request):
                    m.next = "IDLE"
                with m.Elif(left == 0):
                    m.next = "FETCH"
                with m.Elif(cable.to_host):
                    m.d.sync += line_address.eq(base[_LINE_BITS:])
                    m.next = "GATHER"
                with m.Elif(held.any()):
                    m.next = "HAND_OUT"
                with m.Else():
                    m.d.sync += [line_address.eq(base[_LINE_BITS:]), burst.eq((base[:_LINE_BITS] == 0) & (left >= _LINE))]
                    m.next = "READ"
            self._fetch(m, drop, finished, error, give_up)
            with m.State("GATHER"):  # from the cable into the line
                m.d.comb += cable.read.ready.eq(1)
                with m.If(cable.read.valid):
                    m.d.sync += [line[half].eq(cable.read.payload), held.bit_select(half, 1).eq(1), *moved_on()]
                with m.If(drop):
                    m.next = "IDLE"
                with m.Elif(cable.read.valid & ((half == _HALVES - 1) | (left == _HALF))):
                    m.next = "FLUSH"
                with m.Elif(~cable.request):
                    m.next = "FLUSH"
            with m.State("FLUSH"):  # the line's words, or those that have data
                m.d.sync += [burst.eq(held.all()), beat.eq(0)]
                with m.If(drop):
                    m.next = "IDLE"
                with m.Elif(self.enable):
                    m.next = "WRITE"
            self._write(m, drop, finished, error, give_up)
            self._read(m, drop, finished, error, give_up)
            with m.State("HAND_OUT"):  # from the line to the cable
                valid = held.bit_select(half, 1)
                m.d.comb += cable.write.valid.eq(valid)
                with m.If(drop):
                    m.next = "IDLE"
                with m.Elif(~valid):
                    m.next = "STEP"
                with m.Elif(cable.write.ready):
                    m.d.sync += [held.bit_select(half, 1).eq(0), *moved_on()]
                with m.Elif(~cable.request):
                    m.next = "IDLE"  # what is left of the line stays for the drive's next sector

        with m.If(self.start):
            m.d.sync += fresh.eq(1)
        with m.If(self.stop | self.hold):
            m.d.sync += [cancel.eq(1), fresh.eq(0)]
        with m.If(wipe & self.idle):
            m.d.sync += [wipe.eq(0), pointer.eq(0), base.eq(0), line.eq(0), line_address.eq(0)]
        with m.If(self.hold):
            m.d.sync += wipe.eq(1)
        return m

    def _fetch(self, m: Module, drop: Signal, finished: Signal, error: Signal, give_up: Callable[[], None]) -> None:
        """The next descriptor, word by word."""
        bus, beat, pointer = self.bus, self._beat, self._pointer
        count = _Count(bus.rsp.data)
        with m.State("FETCH"):
            m.d.comb += [
                bus.req_valid.eq(1), bus.req.last.eq(1), bus.req.mask.eq(-1), bus.req.address.eq(pointer),
            ]  # fmt: skip
            with m.If(bus.req_ready):
                m.next = "FETCH_ANSWER"
        with m.State("FETCH_ANSWER"):
            with m.If(finished):
                m.d.sync += [pointer.eq(pointer + PRD_SIZE // 2), beat.eq(beat + 1)]
                m.next = "FETCH"
                with m.If(beat == 0):
                    m.d.sync += self._base.eq(Cat(Const(0, 1), bus.rsp.data[1:]))
                with m.Else():
                    m.d.sync += [self._left.eq(Mux(count.halves == 0, _REGION_MAX, count.halves << 1)), self._end.eq(count.end)]
                    m.next = "STEP"
                with m.If(drop):
                    m.d.sync += self._left.eq(0)
                    m.next = "IDLE"
                with m.Elif(error):
                    give_up()

    def _write(self, m: Module, drop: Signal, finished: Signal, error: Signal, give_up: Callable[[], None]) -> None:
        """The line to memory: as a burst, or each of its words by itself."""
        bus, beat, held = self.bus, self._beat, self._held
        word = Array(Cat(self._line[2 * n], self._line[2 * n + 1]) for n in range(BURST_WORDS))[beat]
        wanted = Array(held[2 * n : 2 * n + 2] for n in range(BURST_WORDS))[beat]
        last = beat == BURST_WORDS - 1
        with m.State("WRITE"):
            m.d.comb += [
                bus.req.write.eq(1), bus.req.burst.eq(self._burst), bus.req.last.eq(~self._burst | last), bus.req.data.eq(word),
                bus.req.address.eq(Cat(Const(0, 2), beat, self._line_address)),
                bus.req.mask.eq(Cat(wanted[0].replicate(2), wanted[1].replicate(2))), bus.req_valid.eq(wanted.any()),
            ]  # fmt: skip
            with m.If(wanted.any()):
                with m.If(bus.req_ready):
                    m.d.sync += beat.eq(beat + 1)
                    with m.If(bus.req.last):
                        m.next = "WRITE_ANSWER"
            with m.Else():
                m.d.sync += beat.eq(beat + 1)
                with m.If(last):
                    m.next = "WRITTEN"
        with m.State("WRITE_ANSWER"):
            with m.If(finished):
                m.next = "WRITE"
                with m.If(drop):
                    m.next = "IDLE"
                with m.Elif(error):
                    give_up()
                with m.Elif(self._burst | (beat == 0)):
                    m.next = "WRITTEN"
        with m.State("WRITTEN"):
            m.d.sync += held.eq(0)
            m.next = "STEP"
            with m.If(drop):
                m.next = "IDLE"

    def _read(self, m: Module, drop: Signal, finished: Signal, error: Signal, give_up: Callable[[], None]) -> None:
        """A line from memory, or the word that comes next."""
        bus, beat, held, base = self.bus, self._beat, self._held, self._base
        place = base[2:_LINE_BITS]
        # Of a word at the region's edge only the half that belongs to it.
        halves = Mux(base[1], 0b10, Mux(self._left == _HALF, 0b01, 0b11))[:2]
        with m.State("READ"):
            m.d.comb += [
                bus.req_valid.eq(1), bus.req.last.eq(1), bus.req.burst.eq(self._burst), bus.req.address.eq(Cat(Const(0, 2), base[2:])),
                bus.req.mask.eq(Mux(self._burst, 0xF, Cat(halves[0].replicate(2), halves[1].replicate(2)))),
            ]  # fmt: skip
            with m.If(bus.req_ready):
                m.d.sync += beat.eq(place)
                m.next = "READ_ANSWER"
        with m.State("READ_ANSWER"):
            with m.If(bus.rsp_valid):
                m.d.sync += beat.eq(beat + 1)
                for n in range(BURST_WORDS):
                    with m.If(beat == n):
                        m.d.sync += Cat(self._line[2 * n], self._line[2 * n + 1]).eq(bus.rsp.data)
            with m.If(finished):
                m.d.sync += held.eq(Mux(self._burst, -1, halves << (place << 1)))
                m.next = "HAND_OUT"
                with m.If(drop):
                    m.next = "IDLE"
                with m.Elif(error):
                    give_up()
