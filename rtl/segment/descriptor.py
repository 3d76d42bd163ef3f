"""Function unit of Unit.SEGMENTATION: descriptor arithmetic, and what loads of segment registers write. Combinational.

A descriptor (SDM vol. 3, 3.4.5) comes as ``a``, its low, and ``b``, its high double word.
"""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.registers import Attributes, Segment
from rtl.microcode.uop import Segmentation
from rtl.segment.registers import FIELDS, SegmentRegister

__all__ = ["SegmentationUnit"]

SELECTOR, BASE, LIMIT, ATTRIBUTES = (1 << i for i in range(len(FIELDS)))
FUNCTION_WIDTH = 5
PAGE_SHIFT = 12  # granularity bit: the limit counts pages


class SegmentationUnit(wiring.Component):
    """``write`` (one bit a field), ``segment`` and ``data`` are what goes to the segment registers when the micro-op takes effect."""

    fn: In(FUNCTION_WIDTH)
    a: In(32)
    b: In(32)
    named: In(4)  # low bits of the constant
    target: In(4)  # Special.TARGET_SEGMENT
    cpl: In(2)
    scratch: In(SegmentRegister)
    result: Out(32)
    write: Out(len(FIELDS))
    segment: Out(Segment)
    data: Out(SegmentRegister)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        base, limit = Signal(32), Signal(32)
        raw = Signal(20)
        attributes = Signal(Attributes)
        m.d.comb += [
            base.eq(Cat(self.a[16:32], self.b[0:8], self.b[24:32])),
            raw.eq(Cat(self.a[0:16], self.b[16:20])),
            limit.eq(Mux(self.b[23], (raw << PAGE_SHIFT) | ((1 << PAGE_SHIFT) - 1), raw)),
            attributes.as_value().eq(Cat(self.b[8:16], self.b[20:24])),
        ]  # fmt: skip
        of_instruction = [Segmentation.LOAD_SREG, Segmentation.LOAD_REAL_SREG, Segmentation.LOAD_NULL_SREG]
        m.d.comb += self.segment.eq(Mux(self.fn.matches(*(f.value for f in of_instruction)), self.target, self.named))
        m.d.comb += [
            self.data.selector.eq(self.b[:16]),
            self.data.base.eq(base),
            self.data.limit.eq(limit),
            self.data.attributes.eq(attributes),
        ]

        with m.Switch(self.fn):
            with m.Case(Segmentation.LOAD, Segmentation.LOAD_SREG):
                m.d.comb += self.write.eq(BASE | LIMIT | ATTRIBUTES)
            with m.Case(Segmentation.LOAD_REAL, Segmentation.LOAD_REAL_SREG):
                m.d.comb += [self.write.eq(SELECTOR | BASE), self.data.base.eq(self.b[:16] << 4)]
            with m.Case(Segmentation.LOAD_NULL, Segmentation.LOAD_NULL_SREG):
                m.d.comb += [self.write.eq(SELECTOR | ATTRIBUTES), self.data.attributes.eq(0)]
            with m.Case(Segmentation.COPY):
                m.d.comb += [self.write.eq(~0), self.data.eq(self.scratch)]
            with m.Case(Segmentation.LIMIT_OF):
                m.d.comb += self.result.eq(limit)
            with m.Case(Segmentation.GATE_OFFSET):
                m.d.comb += self.result.eq(Cat(self.a[:16], self.b[16:]))
            with m.Case(Segmentation.MAX_PRIVILEGE):
                m.d.comb += self.result.eq(Mux(self.a[:2] > self.cpl, self.a[:2], self.cpl))
            with m.Case(Segmentation.DPL_OF):
                m.d.comb += self.result.eq(self.b[13:15])
        return m
