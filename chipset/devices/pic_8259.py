"""An 8259A interrupt controller, after Intel's data sheet (231468-003), and the pair of them that a PC has.

The 8080's call mode and the buffered mode's pin are not there: no PC has them; the bits are accepted.
"""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.ports import IoSignature
from contracts.memory_map import Irq

__all__ = ["Pic8259", "PicPair"]

_LINES = 8
_SPURIOUS = 7  # the level that an acknowledge without a request gets


class _Icw1(data.Struct):
    """First initialization word; bit 4 tells it from OCW2 and OCW3."""

    needs_icw4: 1
    single: 1
    interval: 1
    level: 1  # requests are levels, not edges
    is_icw1: 1
    vector: 3


class _Icw4(data.Struct):
    mode_8086: 1
    auto_eoi: 1
    buffered: 2
    special_fully_nested: 1
    reserved: 3


class _Ocw2(data.Struct):
    level: 3
    zero: 2
    eoi: 1
    specific: 1
    rotate: 1


class _Ocw3(data.Struct):
    read_isr: 1
    read_select: 1  # read_isr counts
    poll: 1
    one: 1
    zero: 1
    special_mask: 1
    special_mask_select: 1  # special_mask counts
    zero2: 1


def _rotated(bits: Signal, lowest: Signal) -> Signal:
    """``bits`` with the highest priority first: bit 0 is level ``lowest`` + 1."""
    return (Cat(bits, bits) >> (lowest + 1)[:4])[:_LINES]


def _first(m: Module, name: str, bits: Signal) -> Signal:
    """Number of the first 1 in ``bits``; 8 if there is none."""
    number = Signal(range(_LINES + 1), name=name, init=_LINES)
    m.d.comb += number.eq(_LINES)
    for n in reversed(range(_LINES)):
        with m.If(bits[n]):
            m.d.comb += number.eq(n)
    return number


class Pic8259(wiring.Component):
    """One 8259A.

    Parameters
    ----------
    cascaded : the line on which the slave sits (a master), or None (a slave)

    Members
    -------
    io : In(IoSignature), two ports
    lines : In(8); ``interrupt`` : Out(1)
    acknowledge : In(1), one cycle for both INTA pulses; ``vector`` : Out(8) in that cycle
    selected : Out(1), the acknowledge goes on to the slave
    """

    def __init__(self, cascaded: int | None = None) -> None:
        self._cascaded = cascaded
        super().__init__({
            "io": In(IoSignature()), "lines": In(_LINES), "interrupt": Out(1), "acknowledge": In(1), "vector": Out(8), "selected": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        io = self.io
        icw1 = Signal(_Icw1)
        icw4 = Signal(_Icw4)
        base = Signal(5)
        slaves = Signal(_LINES)
        mask = Signal(_LINES)
        in_service = Signal(_LINES)
        lowest = Signal(3, init=_LINES - 1)
        special_mask = Signal()
        rotate_on_auto_eoi = Signal()
        read_isr = Signal()
        poll = Signal()

        # Requests. An edge counts only as long as its line stays up.
        before = Signal(_LINES)
        edges = Signal(_LINES)
        clear_edge = Signal(_LINES)
        restart = Signal()
        requests = Signal(_LINES)
        m.d.sync += [before.eq(self.lines), edges.eq(Mux(restart, 0, (edges | (self.lines & ~before)) & self.lines & ~clear_edge))]
        m.d.comb += requests.eq(Mux(icw1.level, self.lines, edges & self.lines))

        # Priority.
        ending = Signal(_LINES)  # levels that a non-specific EOI may end
        blocking = Signal(_LINES)
        m.d.comb += [ending.eq(in_service & ~Mux(special_mask, mask, 0)), blocking.eq(ending)]
        if self._cascaded is not None:
            with m.If(icw4.special_fully_nested):
                m.d.comb += blocking[self._cascaded].eq(0)
        wanted = _first(m, "wanted", _rotated(requests & ~mask, lowest))
        current = _first(m, "current", _rotated(blocking, lowest))
        ends = _first(m, "ends", _rotated(ending, lowest))
        level = Signal(3)
        ready = Signal()
        quiet = Signal()  # INT falls with each acknowledge, so that a master sees an edge for the next request of its slave
        m.d.comb += [
            ready.eq(wanted < current),
            level.eq(Mux(ready, (wanted + lowest + 1)[:3], _SPURIOUS)),
            self.interrupt.eq(ready & ~quiet),
        ]
        level_bit = Const(1, _LINES) << level

        # Acknowledge, by INTA or by a read in poll mode.
        taken = Signal()
        polled = Signal()
        m.d.comb += [
            polled.eq(io.read & poll),
            taken.eq((self.acknowledge | polled) & ready),
            self.vector.eq(Cat(level, base)),
        ]
        if self._cascaded is not None:
            m.d.comb += self.selected.eq(ready & ~icw1.single & (slaves & level_bit[:_LINES]).any())
        m.d.sync += quiet.eq(taken)
        with m.If(polled):
            m.d.sync += poll.eq(0)
        with m.If(taken):
            m.d.comb += clear_edge.eq(level_bit[:_LINES])
            with m.If(icw4.auto_eoi):
                with m.If(rotate_on_auto_eoi):
                    m.d.sync += lowest.eq(level)
            with m.Else():
                m.d.sync += in_service.eq(in_service | level_bit[:_LINES])

        # Commands.
        expect = Signal(range(5))  # 0, or the number of the initialization word that is awaited
        written1, written4 = _Icw1(io.write_data), _Icw4(io.write_data)
        ocw2, ocw3 = _Ocw2(io.write_data), _Ocw3(io.write_data)
        at_one = io.address[0]
        with m.If(io.write & ~at_one & written1.is_icw1):
            m.d.comb += restart.eq(1)
            m.d.sync += [
                icw1.eq(written1), icw4.eq(0), expect.eq(2), mask.eq(0), in_service.eq(0), lowest.eq(_LINES - 1),
                special_mask.eq(0), rotate_on_auto_eoi.eq(0), read_isr.eq(0), poll.eq(0),
            ]  # fmt: skip
        with m.Elif(io.write & ~at_one & ocw3.one):
            with m.If(ocw3.poll):
                m.d.sync += poll.eq(1)
            with m.Elif(ocw3.read_select):
                m.d.sync += read_isr.eq(ocw3.read_isr)
            with m.If(ocw3.special_mask_select):
                m.d.sync += special_mask.eq(ocw3.special_mask)
        with m.Elif(io.write & ~at_one):
            which = Signal(3)
            m.d.comb += which.eq(Mux(ocw2.specific, ocw2.level, (ends + lowest + 1)[:3]))
            with m.If(ocw2.eoi & (ocw2.specific | (ends != _LINES))):
                m.d.sync += in_service.eq(in_service & ~(Const(1, _LINES) << which))
                with m.If(ocw2.rotate):
                    m.d.sync += lowest.eq(which)
            with m.Elif(ocw2.eoi):
                pass  # nothing is in service
            with m.Elif(ocw2.specific):
                with m.If(ocw2.rotate):
                    m.d.sync += lowest.eq(ocw2.level)
            with m.Else():
                m.d.sync += rotate_on_auto_eoi.eq(ocw2.rotate)
        with m.Elif(io.write):
            with m.Switch(expect):
                with m.Case(0):
                    m.d.sync += mask.eq(io.write_data)
                with m.Case(2):
                    m.d.sync += base.eq(io.write_data[3:])
                    m.d.sync += expect.eq(Mux(icw1.single, Mux(icw1.needs_icw4, 4, 0), 3))
                with m.Case(3):
                    m.d.sync += [slaves.eq(io.write_data), expect.eq(Mux(icw1.needs_icw4, 4, 0))]
                with m.Default():
                    m.d.sync += [icw4.eq(written4), expect.eq(0)]

        with m.If(poll):
            m.d.comb += io.read_data.eq(Cat(Mux(ready, level, 0), Const(0, 4), ready))
        with m.Elif(at_one):
            m.d.comb += io.read_data.eq(mask)
        with m.Else():
            m.d.comb += io.read_data.eq(Mux(read_isr, in_service, requests))
        return m


class PicPair(wiring.Component):
    """Master and slave, as IBM's AT joins them.

    Members
    -------
    master, slave : In(IoSignature); ``lines`` : In(16), line 2 is the cascade and ignored
    interrupt : Out(1); ``acknowledge`` : In(1) with ``vector`` Out(8)
    """

    def __init__(self) -> None:
        super().__init__({
            "master": In(IoSignature()), "slave": In(IoSignature()), "lines": In(2 * _LINES),
            "interrupt": Out(1), "acknowledge": In(1), "vector": Out(8),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.first = first = Pic8259(cascaded=Irq.CASCADE)
        m.submodules.second = second = Pic8259()
        wiring.connect(m, wiring.flipped(self.master), first.io)
        wiring.connect(m, wiring.flipped(self.slave), second.io)
        m.d.comb += [
            first.lines.eq(self.lines[:_LINES]),
            first.lines[Irq.CASCADE].eq(second.interrupt),
            second.lines.eq(self.lines[_LINES:]),
            self.interrupt.eq(first.interrupt),
            first.acknowledge.eq(self.acknowledge),
            second.acknowledge.eq(self.acknowledge & first.selected),
            self.vector.eq(Mux(first.selected, second.vector, first.vector)),
        ]
        return m
