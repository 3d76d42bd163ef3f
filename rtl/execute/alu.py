"""Addition, logic, moves and conversions (:class:`rtl.microcode.uop.Alu`)."""

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.execute.flags import ArithmeticFlags, result_flags
from rtl.execute.operand import OperandWidth, cut, pick, sign
from rtl.microcode.uop import Alu

__all__ = ["AluUnit"]


class AluUnit(wiring.Component):
    """The ALU. Combinational.

    One adder does ADD, ADC, SUB, SBB, CMP, CMPXCHG and NEG on 33 bits: since the operands are zero-extended, the bit above the width is the
    carry or the borrow. Logic clears CF, OF and (as the oracle does; the manual leaves it open) AF; so do moves and conversions,
    whose micro-ops normally write no flags but may test ``zf`` and ``sf``.

    Members
    -------
    fn : In(5)
        As Alu.
    width : In(OperandWidth)
    a, b : In(32)
        Sources 1 and 2, cut to the width and zero-extended (SEXT8 … ZEXT16 and BSWAP look at b's own bits).
    flags_in : In(ArithmeticFlags)
        Before the micro-op; ADC and SBB take CF.
    c : In(32)
        Source 3 (REG), cut likewise: what CMPXCHG stores if b equals a.
    condition : In(1)
        Result of SETCC.
    result : Out(32)
        Zero-extended from the width.
    flags, flags_mask : Out(ArithmeticFlags)
        All defined. Of CMPXCHG those of b - a, not of the result.
    """

    fn: In(5)
    width: In(OperandWidth)
    a: In(32)
    b: In(32)
    c: In(32)
    flags_in: In(ArithmeticFlags)
    condition: In(1)
    result: Out(32)
    flags: Out(ArithmeticFlags)
    flags_mask: Out(ArithmeticFlags)

    def elaborate(self, platform: object) -> Module:
        """Adder, logic, selection."""
        m = Module()
        subtract = Signal()
        borrowed = Signal()  # the operation takes CF
        exchange = Signal()
        total = Signal(33)
        left = Signal(32)
        operand = Signal(32)
        adds = Signal()
        m.d.comb += [
            exchange.eq(self.fn == Alu.CMPXCHG),
            subtract.eq((self.fn == Alu.SUB) | (self.fn == Alu.SBB) | (self.fn == Alu.CMP) | (self.fn == Alu.NEG) | exchange),
            borrowed.eq((self.fn == Alu.ADC) | (self.fn == Alu.SBB)),
            adds.eq(subtract | (self.fn == Alu.ADD) | (self.fn == Alu.ADC)),
            left.eq(Mux(exchange, self.b, Mux(self.fn == Alu.NEG, 0, self.a))),
            operand.eq(Mux(exchange, self.a, self.b)),
        ]
        right = Signal(33)
        m.d.comb += [
            right.eq(Mux(subtract, ~Cat(operand, Const(0, 1)), operand)),
            total.eq(left + right + (subtract ^ (borrowed & self.flags_in.cf))),
        ]

        value = Signal(32)
        with m.Switch(self.fn):
            with m.Case(Alu.OR):
                m.d.comb += value.eq(self.a | self.b)
            with m.Case(Alu.AND):
                m.d.comb += value.eq(self.a & self.b)
            with m.Case(Alu.XOR):
                m.d.comb += value.eq(self.a ^ self.b)
            with m.Case(Alu.PASS):
                m.d.comb += value.eq(self.b)
            with m.Case(Alu.NOT):
                m.d.comb += value.eq(~self.b)
            with m.Case(Alu.SEXT8):
                m.d.comb += value.eq(self.b[:8].as_signed())
            with m.Case(Alu.SEXT16):
                m.d.comb += value.eq(self.b[:16].as_signed())
            with m.Case(Alu.ZEXT8):
                m.d.comb += value.eq(self.b[:8])
            with m.Case(Alu.ZEXT16):
                m.d.comb += value.eq(self.b[:16])
            with m.Case(Alu.SIGN):
                m.d.comb += value.eq(sign(self.b, self.width).replicate(32))
            with m.Case(Alu.BSWAP):
                m.d.comb += value.eq(Cat(self.b[24:], self.b[16:24], self.b[8:16], self.b[:8]))
            with m.Case(Alu.SETCC):
                m.d.comb += value.eq(self.condition)
            with m.Case(Alu.CMPXCHG):
                m.d.comb += value.eq(Mux(total[:32].any(), self.a, self.c))
            with m.Default():
                m.d.comb += value.eq(total)

        m.d.comb += self.result.eq(cut(value, self.width))
        result_flags(m, self.flags, Mux(exchange, total[:32], value), self.width)
        m.d.comb += [
            self.flags.cf.eq(adds & pick(self.width, total[8], total[16], total[32])),
            self.flags.af.eq(adds & (left[4] ^ operand[4] ^ total[4])),
            self.flags.of.eq(adds & sign((left ^ total[:32]) & (right[:32] ^ total[:32]), self.width)),
            self.flags_mask.eq(Const(-1, ArithmeticFlags.as_shape().size)),
        ]
        return m
