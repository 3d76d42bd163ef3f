"""The segment registers, ES to SCRATCH: selector, base, limit in bytes and attributes of each.

They live in small memories, read combinationally at two places (by the address stage and by special number) and written at one. What is
needed all the time (CS, SS, SCRATCH, the limits of CS) is kept a second time in flip-flops. Memories have no reset, so that after
reset a counter writes the architecture's values (SDM vol. 3, table 9-1); ``ready`` is low until it has done so.
"""

from amaranth import Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl.arch.registers import Attributes, Segment
from rtl.arch.special import Special

__all__ = ["COUNT", "SegmentRegister", "SegmentRegisters"]

COUNT = 11
DEPTH = 16
RESET_SELECTOR = 0xF000
RESET_BASE = 0xFFFF_0000
RESET_LIMIT = 0xFFFF
DATA_ATTRIBUTES = 0x093  # present, writable data, accessed
CODE_ATTRIBUTES = 0x09B  # present, readable code, accessed
LDT_ATTRIBUTES = 0x082
TSS_ATTRIBUTES = 0x08B


class SegmentRegister(data.Struct):
    """One of them."""

    selector: 16
    base: 32
    limit: 32
    attributes: Attributes


FIELDS = (
    ("selector", Special.SELECTOR, 16),
    ("base", Special.BASE, 32),
    ("limit", Special.LIMIT, 32),
    ("attributes", Special.ATTRIBUTES, 12),
)


class SegmentRegisters(wiring.Component):
    """Read ports ``segment`` → ``current`` (address stage) and ``number`` → ``value`` (special registers 00h–3Fh).

    ``load`` has one bit a field (selector, base, limit, attributes) and takes ``load_data`` into segment ``load_segment``; ``write``
    takes ``data`` into special register ``number``, if that is one of these.
    """

    ready: Out(1)
    segment: In(Segment)
    current: Out(SegmentRegister)
    number: In(8)
    value: Out(32)
    write: In(1)
    data: In(32)
    load: In(len(FIELDS))
    load_segment: In(Segment)
    load_data: In(SegmentRegister)
    cs: Out(SegmentRegister)
    ss: Out(SegmentRegister)
    scratch: Out(SegmentRegister)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        count = Signal(range(DEPTH + 1))
        starting = Signal()
        target = Signal(4)
        enable = Signal(len(FIELDS))
        word = Signal(SegmentRegister)
        m.d.comb += [starting.eq(count != DEPTH), self.ready.eq(~starting)]
        with m.If(starting):
            m.d.sync += count.eq(count + 1)
            code = count == Segment.CS
            m.d.comb += [
                target.eq(count), enable.eq(~0),
                word.selector.eq(Mux(code, RESET_SELECTOR, 0)), word.base.eq(Mux(code, RESET_BASE, 0)), word.limit.eq(RESET_LIMIT),
                word.attributes.as_value().eq(DATA_ATTRIBUTES),
            ]  # fmt: skip
            with m.Switch(count):
                for segment, attributes in (
                    (Segment.CS, CODE_ATTRIBUTES), (Segment.LDTR, LDT_ATTRIBUTES), (Segment.TR, TSS_ATTRIBUTES),
                ):  # fmt: skip
                    with m.Case(segment):
                        m.d.comb += word.attributes.as_value().eq(attributes)
        with m.Elif(self.write):
            m.d.comb += target.eq(self.number)
            for i, (name, special, _width) in enumerate(FIELDS):
                m.d.comb += [enable[i].eq(self.number[4:] == Const(special >> 4, 4)), word[name].eq(self.data)]
        with m.Else():
            m.d.comb += [target.eq(self.load_segment), enable.eq(self.load), word.eq(self.load_data)]

        kept = {Segment.CS: Signal(SegmentRegister), Segment.SS: Signal(SegmentRegister), Segment.SCRATCH: Signal(SegmentRegister)}
        m.d.comb += [self.cs.eq(kept[Segment.CS]), self.ss.eq(kept[Segment.SS]), self.scratch.eq(kept[Segment.SCRATCH])]
        for i, (name, special, width) in enumerate(FIELDS):
            memory = Memory(shape=width, depth=DEPTH, init=[])
            m.submodules[name] = memory
            write, by_segment, by_number = memory.write_port(), memory.read_port(domain="comb"), memory.read_port(domain="comb")
            field = word[name]
            m.d.comb += [
                write.addr.eq(target), write.en.eq(enable[i]), write.data.eq(field),
                by_segment.addr.eq(self.segment), self.current[name].eq(by_segment.data), by_number.addr.eq(self.number[:4]),
            ]  # fmt: skip
            with m.If(self.number[4:] == Const(special >> 4, 4)):
                m.d.comb += self.value.eq(by_number.data)
            for segment, register in kept.items():
                with m.If(enable[i] & (target == segment)):
                    m.d.sync += register[name].eq(field)
        return m
