"""Shifts and rotates of every width by one funnel shifter (:class:`rtl.microcode.uop.Shift`)."""

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.execute.flags import ArithmeticFlags, result_flags
from rtl.execute.operand import OperandWidth, cut, pick, sign
from rtl.microcode.uop import Shift

__all__ = ["ShiftUnit"]

_COUNT_BITS = 5


class ShiftUnit(wiring.Component):
    """The shifter. Combinational.

    The operand lies in a long word between what comes in from the left and what comes in from the right: zeros, signs, the operand again
    (rotates), the operand behind the carry (RCL, RCR), the other register (SHLD, SHRD). A window 34 bits wide is cut out of it by a
    right shift of 0 to 31 (a left shift by n is one by 31 - n): the result with one bit more on either side, which is the new carry.

    Flags. A masked count of 0 defines none; nor does RCL or RCR by a multiple of 9 or 17. Rotates define CF and OF. OF is defined by
    the manual for a count of 1; for others, and for AF, the oracle's values are given: OF of right shifts and ROR is the exclusive or of
    the upper two bits of the result, of left shifts and ROL that of CF and the top bit, of RCL and RCR that of the top bits before and
    after; AF is 0. SHLD and SHRD of 16 bits by more than 16 go on with the bits of a, as Intel's processors do.

    Members
    -------
    fn : In(5)
        As Shift.
    width : In(OperandWidth)
    a : In(32)
        The operand, zero-extended from the width.
    b : In(32)
        The count; bits 4:0 are used.
    c : In(32)
        The register of SHLD and SHRD, zero-extended from the width.
    flags_in : In(ArithmeticFlags)
        CF for RCL and RCR.
    result : Out(32)
        Zero-extended from the width.
    flags, flags_mask : Out(ArithmeticFlags)
        ``zf``, ``sf`` and ``pf`` are the result's whatever the mask.
    """

    fn: In(5)
    width: In(OperandWidth)
    a: In(32)
    b: In(32)
    c: In(32)
    flags_in: In(ArithmeticFlags)
    result: Out(32)
    flags: Out(ArithmeticFlags)
    flags_mask: Out(ArithmeticFlags)

    def elaborate(self, platform: object) -> Module:
        """Arrange, cut out, take the flags."""
        m = Module()
        byte = Signal()
        word = Signal()
        dword = Signal()
        m.d.comb += [
            byte.eq(self.width == OperandWidth.BYTE),
            word.eq(self.width == OperandWidth.WORD),
            dword.eq(self.width == OperandWidth.DWORD),
        ]
        a, c, cf = self.a, self.c, self.flags_in.cf

        # the count, modulo 9 or 17 for rotates through the carry
        through_carry = Signal()
        masked = Signal(_COUNT_BITS)
        count = Signal(_COUNT_BITS)
        m.d.comb += [
            through_carry.eq((self.fn == Shift.RCL) | (self.fn == Shift.RCR)),
            masked.eq(self.b[:_COUNT_BITS]),
            count.eq(masked),
        ]
        with m.If(through_carry & byte):
            for multiple in (9, 18, 27):
                with m.If(masked >= multiple):
                    m.d.comb += count.eq(masked - multiple)
        with m.If(through_carry & word & (masked >= 17)):
            m.d.comb += count.eq(masked - 17)

        # arrangement: the operand, 31 bits below it (left) or 33 above and one below it (right)
        repeated = Signal(32)
        signed = Signal(32)
        m.d.comb += [
            repeated.eq(pick(self.width, a[:8].replicate(4), a[:16].replicate(2), a)),
            signed.eq(pick(self.width, a[:8].as_signed(), a[:16].as_signed(), a)),
        ]
        left = Signal()
        operand = Signal(32)
        above = Signal(33)
        below = Signal(31)  # bit 30 is next to the operand
        carry = Signal()  # the bit that falls out for a count of 0
        m.d.comb += operand.eq(a)
        with m.Switch(self.fn):
            with m.Case(Shift.ROL):
                m.d.comb += [left.eq(1), operand.eq(repeated), below.eq(repeated[1:])]
            with m.Case(Shift.ROR):
                m.d.comb += [operand.eq(repeated), above.eq(repeated)]
            with m.Case(Shift.RCL):
                m.d.comb += left.eq(1)
                with m.If(byte):
                    m.d.comb += [operand.eq(Cat(a[:8], cf)), below.eq(Cat(Const(0, 22), a[:8], cf))]
                with m.Elif(word):
                    m.d.comb += [operand.eq(Cat(a[:16], cf)), below.eq(Cat(Const(0, 14), a[:16], cf))]
                with m.Else():
                    m.d.comb += [below.eq(Cat(a[2:], cf)), carry.eq(cf)]
            with m.Case(Shift.RCR):
                m.d.comb += carry.eq(cf)
                with m.If(byte):
                    m.d.comb += operand.eq(Cat(a[:8], cf, a[:8]))
                with m.Elif(word):
                    m.d.comb += [operand.eq(Cat(a[:16], cf, a[:15])), above.eq(a[15])]
                with m.Else():
                    m.d.comb += above.eq(Cat(cf, a))
            with m.Case(Shift.SHL, Shift.SAL):
                m.d.comb += left.eq(1)
            with m.Case(Shift.SAR):
                m.d.comb += [operand.eq(signed), above.eq(signed[31].replicate(33))]
            with m.Case(Shift.SHLD):
                m.d.comb += left.eq(1)
                m.d.comb += below.eq(Mux(word, Cat(a[1:16], c[:16]), c[1:]))
            with m.Case(Shift.SHRD):
                m.d.comb += operand.eq(Mux(word, Cat(a[:16], c[:16]), a))
                m.d.comb += above.eq(Mux(word, a[:16], c))

        # bit 0 falls out to the right; bits 32:1 are the result; bit 33 falls out to the left
        window = Signal(34)
        long_word = Signal(66)
        distance = Signal(_COUNT_BITS)
        m.d.comb += [
            long_word.eq(Mux(left, Cat(Const(0, 1), below, operand, carry), Cat(carry, operand, above))),
            distance.eq(Mux(left, ~count, count)),
            window.eq(long_word >> distance),
        ]
        value = Signal(32)
        m.d.comb += [value.eq(window[1:33]), self.result.eq(cut(value, self.width))]

        # flags
        top = Signal()
        second = Signal()
        rotates = Signal()
        counted = Signal()
        m.d.comb += [
            top.eq(sign(value, self.width)),
            second.eq(pick(self.width, value[6], value[14], value[30])),
            rotates.eq((self.fn == Shift.ROL) | (self.fn == Shift.ROR) | through_carry),
            counted.eq(count != 0),
        ]
        result_flags(m, self.flags, value, self.width)
        with m.Switch(self.fn):
            with m.Case(Shift.ROL):
                m.d.comb += self.flags.cf.eq(value[0])
            with m.Case(Shift.ROR):
                m.d.comb += self.flags.cf.eq(top)
            with m.Default():
                m.d.comb += self.flags.cf.eq(Mux(left, pick(self.width, value[8], value[16], window[33]), window[0]))
        with m.If(through_carry):
            m.d.comb += self.flags.of.eq(top ^ sign(a, self.width))
        with m.Else():
            m.d.comb += self.flags.of.eq(top ^ Mux(left, self.flags.cf, second))
        mask = self.flags_mask
        m.d.comb += [mask.cf.eq(counted), mask.of.eq(counted)]
        for name in ("pf", "af", "zf", "sf"):
            m.d.comb += getattr(mask, name).eq(counted & ~rotates)
        return m
