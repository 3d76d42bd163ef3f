"""Bit tests and bit scans (:class:`rtl.microcode.uop.Bits`)."""

from amaranth import Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.execute.flags import ArithmeticFlags, result_flags
from rtl.execute.operand import OperandWidth, cut
from rtl.microcode.uop import Bits

__all__ = ["BitsUnit"]


class BitsUnit(wiring.Component):
    """BT, BTS, BTR, BTC; BSF, BSR. Combinational; words and double words.

    BT… define CF alone (the manual leaves the others but ZF open, the processor leaves them alone). BSF and BSR define ZF; the others
    come out as the oracle has them: those of a logical operation on b.

    Members
    -------
    fn : In(5)
        As Bits.
    width : In(OperandWidth)
        WORD or DWORD.
    a : In(32)
        The word to test; for BSF and BSR the result if b is 0 (microprograms give the destination, which is then left as it is).
    b : In(32)
        The bit number, taken modulo the width; or the word to scan.
    result : Out(32)
    flags, flags_mask : Out(ArithmeticFlags)
    """

    fn: In(5)
    width: In(OperandWidth)
    a: In(32)
    b: In(32)
    result: Out(32)
    flags: Out(ArithmeticFlags)
    flags_mask: Out(ArithmeticFlags)

    def elaborate(self, platform: object) -> Module:
        """One bit by number; the first one from either end."""
        m = Module()
        number = Signal(5)
        selected = Signal(32)
        bit = Signal()
        scan = Signal()
        m.d.comb += [
            number.eq(Mux(self.width == OperandWidth.DWORD, self.b[:5], self.b[:4])),
            selected.eq(Const(1, 32) << number),
            bit.eq((self.a & selected).any()),
            scan.eq((self.fn == Bits.BSF) | (self.fn == Bits.BSR)),
        ]

        # binary search from the end of the scan
        first = Signal(5)
        last = Signal(5)
        down = self.b
        up = self.b
        for step in (16, 8, 4, 2, 1):
            level = step.bit_length() - 1
            m.d.comb += [first[level].eq(~down[:step].any()), last[level].eq(up[step:].any())]
            down = Mux(first[level], down[step:], down[:step])
            up = Mux(last[level], up[step:], up[:step])

        value = Signal(32)
        with m.Switch(self.fn):
            with m.Case(Bits.BTS):
                m.d.comb += value.eq(self.a | selected)
            with m.Case(Bits.BTR):
                m.d.comb += value.eq(self.a & ~selected)
            with m.Case(Bits.BTC):
                m.d.comb += value.eq(self.a ^ selected)
            with m.Case(Bits.BSF):
                m.d.comb += value.eq(Mux(self.b.any(), first, self.a))
            with m.Case(Bits.BSR):
                m.d.comb += value.eq(Mux(self.b.any(), last, self.a))
            with m.Default():
                m.d.comb += value.eq(self.a)
        m.d.comb += self.result.eq(cut(value, self.width))

        result_flags(m, self.flags, self.b, self.width)
        m.d.comb += [self.flags.cf.eq(~scan & bit), self.flags_mask.cf.eq(1)]
        for name in ("pf", "af", "zf", "sf", "of"):
            m.d.comb += getattr(self.flags_mask, name).eq(scan)
        return m
