"""Multiplication and division (:class:`rtl.microcode.uop.MulDiv`), over several cycles."""

from amaranth import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from rtl.execute.flags import ArithmeticFlags, result_flags
from rtl.execute.operand import OperandWidth, cut, pick, sign
from rtl.microcode.uop import MulDiv

__all__ = ["MulDivUnit"]

_LOW_BITS = 17  # the lower part of a factor: with a sign bit it fills an 18-bit multiplier


class _State(enum.Enum, shape=3):
    IDLE = 0
    SUM = 1  # add up the partial products
    PRODUCT = 2  # answer
    DIVIDE = 3  # a bit of the quotient a cycle
    QUOTIENT = 4  # give the signs, answer


class MulDivUnit(wiring.Component):
    """Multiplier and divider.

    A multiplication takes three cycles, the one with ``start`` included: four 18-bit products (one DSP block each), their sum, the
    answer. A division takes the width in bits plus two: absolute values; a restoring step a cycle; the signs. A quotient that does not
    fit is found in the second cycle (unsigned, and the divisor 0) or in the last one (signed).

    Flags of MUL and IMUL: CF and OF as the manual says; ZF, SF, PF from the low half and AF = 0, as the oracle does. Division defines none.

    Members
    -------
    start : In(1)
        For one cycle; fn, width, a, b, c are looked at in this cycle (and ``fn`` alone by HIGH). Starting again drops what is under way.
    fn : In(5)
        As MulDiv.
    width : In(OperandWidth)
    a, b : In(32)
        Factors; or low half of the dividend, and divisor. Zero-extended from the width.
    c : In(32)
        High half of the dividend (EDX, DX or AH), zero-extended from the width.
    done : Out(1)
        For one cycle; with HIGH in the cycle of ``start`` itself. ``result``, ``flags``, ``divide_error`` belong to this cycle.
    divide_error : Out(1)
        #DE; nothing has been changed.
    result : Out(32)
        Low half of the product, quotient, or what HIGH reads; zero-extended.
    flags, flags_mask : Out(ArithmeticFlags)
    """

    start: In(1)
    fn: In(5)
    width: In(OperandWidth)
    a: In(32)
    b: In(32)
    c: In(32)
    done: Out(1)
    divide_error: Out(1)
    result: Out(32)
    flags: Out(ArithmeticFlags)
    flags_mask: Out(ArithmeticFlags)

    def elaborate(self, platform: object) -> Module:
        """Both machines share the state, the result register and the latch."""
        m = Module()
        state = Signal(_State)
        width = Signal(OperandWidth)
        latch = Signal(32)  # high half or remainder, zero-extended
        low = Signal(32)  # low half or quotient, before it is cut
        high = Signal(32)
        overflow = Signal()  # the product does not fit the low half

        def extended(value: Value, is_signed: Value) -> Value:
            """33 bits, signed: the value of the width, sign- or zero-extended."""
            top = sign(value, self.width) & is_signed
            word, dword = self.width == OperandWidth.WORD, self.width == OperandWidth.DWORD
            return Cat(
                value[:8], Mux(word | dword, value[8:16], top.replicate(8)), Mux(dword, value[16:], top.replicate(16)), top
            ).as_signed()

        # multiplication
        is_signed = Signal()
        left = Signal(signed(33))
        right = Signal(signed(33))
        m.d.comb += [
            is_signed.eq((self.fn == MulDiv.IMUL) | (self.fn == MulDiv.IDIV)),
            left.eq(extended(self.a, is_signed)),
            right.eq(extended(self.b, is_signed)),
        ]
        parts = {}
        for i, x in enumerate((Cat(left[:_LOW_BITS], Const(0, 1)), left[_LOW_BITS:])):
            for j, y in enumerate((Cat(right[:_LOW_BITS], Const(0, 1)), right[_LOW_BITS:])):
                part = parts[i, j] = Signal(signed(36), name=f"part_{i}{j}")
                with m.If(self.start):
                    m.d.sync += part.eq(x.as_signed() * y.as_signed())
        product = Signal(signed(66))
        with m.If(state == _State.SUM):
            middle = parts[0, 1] + parts[1, 0]
            m.d.sync += product.eq(parts[0, 0] + (middle.shift_left(_LOW_BITS)) + (parts[1, 1].shift_left(2 * _LOW_BITS)))
        signed_product = Signal()

        # division
        remainder = Signal(32)
        quotient = Signal(32)
        divisor = Signal(32)
        steps = Signal(range(33))
        negative = Signal()  # of the quotient
        negative_dividend = Signal()
        signed_division = Signal()
        too_large = Signal()
        dividend = Signal(64)  # the low half lies at the top of the lower word
        negate_dividend = Signal()
        m.d.comb += [
            dividend.eq(
                Cat(
                    pick(self.width, self.a[:8].shift_left(24), self.a[:16].shift_left(16), self.a),
                    extended(self.c, is_signed)[:32],
                )
            ),
            negate_dividend.eq(is_signed & sign(self.c, self.width)),
        ]
        negate_divisor = right[32]
        shifted = Signal(33)
        difference = Signal(34)
        m.d.comb += [
            shifted.eq(Cat(quotient[31], remainder)),
            difference.eq(shifted - divisor),
        ]
        magnitude_limit = Signal(32)  # the least magnitude whose sign bit is set
        m.d.comb += magnitude_limit.eq(pick(width, Const(1 << 7, 32), Const(1 << 15, 32), Const(1 << 31, 32)))

        with m.Switch(state):
            with m.Case(_State.SUM):
                m.d.sync += state.eq(_State.PRODUCT)
            with m.Case(_State.PRODUCT):
                m.d.comb += [
                    low.eq(product),
                    high.eq(pick(width, product[8:16], product[16:32], product[32:64])),
                    self.done.eq(1),
                ]
                m.d.sync += [latch.eq(high), state.eq(_State.IDLE)]
            with m.Case(_State.DIVIDE):
                fits = ~difference[33]
                m.d.sync += [
                    remainder.eq(Mux(fits, difference, shifted)),
                    quotient.eq(Cat(fits, quotient)),
                    steps.eq(steps - 1),
                ]
                with m.If(too_large):
                    with m.If(remainder >= divisor):
                        m.d.comb += [self.divide_error.eq(1), self.done.eq(1)]
                        m.d.sync += state.eq(_State.IDLE)
                    m.d.sync += too_large.eq(0)
                with m.If(steps == 1):
                    m.d.sync += state.eq(_State.QUOTIENT)
            with m.Case(_State.QUOTIENT):
                signed_overflow = signed_division & Mux(negative, quotient > magnitude_limit, quotient >= magnitude_limit)
                m.d.comb += [
                    low.eq(Mux(negative, -quotient, quotient)),
                    high.eq(cut(Mux(negative_dividend, -remainder, remainder)[:32], width)),
                    self.divide_error.eq(signed_overflow),
                    self.done.eq(1),
                ]
                m.d.sync += state.eq(_State.IDLE)
                with m.If(~signed_overflow):
                    m.d.sync += latch.eq(high)

        with m.If(self.start):
            m.d.sync += [width.eq(self.width), state.eq(_State.IDLE)]
            with m.Switch(self.fn):
                with m.Case(MulDiv.MUL, MulDiv.IMUL):
                    m.d.sync += [state.eq(_State.SUM), signed_product.eq(is_signed)]
                with m.Case(MulDiv.DIV, MulDiv.IDIV):
                    m.d.sync += [
                        state.eq(_State.DIVIDE),
                        Cat(quotient, remainder).eq(Mux(negate_dividend, -dividend, dividend)),
                        divisor.eq(Mux(negate_divisor, -right, right)),
                        negative_dividend.eq(negate_dividend),
                        negative.eq(negate_dividend ^ negate_divisor),
                        signed_division.eq(is_signed),
                        too_large.eq(1),
                        steps.eq(pick(self.width, Const(8, 6), Const(16, 6), Const(32, 6))),
                    ]

        # answer
        read_latch = Signal()
        m.d.comb += [
            read_latch.eq(self.start & (self.fn == MulDiv.HIGH)),
            self.result.eq(Mux(read_latch, latch, cut(low, width))),
        ]
        with m.If(read_latch):
            m.d.comb += [self.done.eq(1), self.divide_error.eq(0)]
        with m.If(signed_product):
            m.d.comb += overflow.eq(high != cut(sign(low, width).replicate(32), width))
        with m.Else():
            m.d.comb += overflow.eq(high != 0)
        result_flags(m, self.flags, low, width)
        m.d.comb += [self.flags.cf.eq(overflow), self.flags.of.eq(overflow)]
        with m.If(state == _State.PRODUCT):
            m.d.comb += self.flags_mask.eq(Const(-1, ArithmeticFlags.as_shape().size))
        return m
