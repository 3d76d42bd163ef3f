"""Decimal adjustments (:class:`rtl.microcode.uop.Bcd`; Intel SDM vol. 2, AAA, AAS, DAA, DAS)."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.execute.flags import ArithmeticFlags, result_flags
from rtl.execute.operand import OperandWidth
from rtl.microcode.uop import Bcd

__all__ = ["BcdUnit"]


class BcdUnit(wiring.Component):
    """DAA, DAS, AAA, AAS on AX. Combinational. (AAM and AAD are microprograms of multiplication and division.)

    DAA and DAS define all flags (OF, which the manual leaves open, is 0 as in the oracle); AAA and AAS define CF and AF and leave the rest.

    Members
    -------
    fn : In(5)
        As Bcd.
    b : In(32)
        AX in bits 15:0.
    flags_in : In(ArithmeticFlags)
        AF and CF.
    result : Out(32)
        AX, zero-extended.
    flags, flags_mask : Out(ArithmeticFlags)
        ZF, SF and PF are those of AL.
    """

    fn: In(5)
    b: In(32)
    flags_in: In(ArithmeticFlags)
    result: Out(32)
    flags: Out(ArithmeticFlags)
    flags_mask: Out(ArithmeticFlags)

    def elaborate(self, platform: object) -> Module:
        """Adjust the low digit, then the high one or AH."""
        m = Module()
        al = self.b[:8]
        ah = self.b[8:16]
        decimal = Signal()  # DAA, DAS
        subtract = Signal()
        low = Signal()  # the low digit needs adjusting
        high = Signal()  # DAA, DAS: the high digit, too
        m.d.comb += [
            decimal.eq((self.fn == Bcd.DAA) | (self.fn == Bcd.DAS)),
            subtract.eq((self.fn == Bcd.DAS) | (self.fn == Bcd.AAS)),
            low.eq((al[:4] > 9) | self.flags_in.af),
            high.eq((al > 0x99) | self.flags_in.cf),
        ]
        amount = Signal(16)
        with m.If(decimal):
            m.d.comb += amount.eq(Mux(low, 0x06, 0) + Mux(high, 0x60, 0))
        with m.Elif(low):
            m.d.comb += amount.eq(0x106)
        total = Signal(16)
        m.d.comb += total.eq(Mux(subtract, self.b[:16] - amount, self.b[:16] + amount))
        new_al = Mux(decimal, total[:8], Cat(total[:4], al[:0]))
        m.d.comb += self.result.eq(Cat((new_al | 0)[:8], Mux(decimal, ah, total[8:16])))

        result_flags(m, self.flags, self.result, OperandWidth.BYTE)
        borrow = (self.fn == Bcd.DAS) & low & (al < 6)  # DAS alone: the first step's borrow survives
        m.d.comb += [
            self.flags.af.eq(low),
            self.flags.cf.eq(Mux(decimal, high | borrow, low)),
            self.flags_mask.af.eq(1),
            self.flags_mask.cf.eq(1),
        ]
        for name in ("pf", "zf", "sf", "of"):
            m.d.comb += getattr(self.flags_mask, name).eq(decimal)
        return m
