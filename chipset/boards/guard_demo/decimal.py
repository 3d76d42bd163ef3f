"""Decimal digits of a number or of a ratio, one after another, by subtraction."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["DecimalDigits"]

_BASE = 10


class DecimalDigits(wiring.Component):
    """Digits of ``dividend / divisor``, the first before the point, without end.

    The digits of a number are those of its ratio to the power of ten of its first digit.

    Parameters
    ----------
    width : bits of both

    Members
    -------
    start : In(1), with dividend In(width), divisor In(width): not 0, and the dividend less than ten times as large
    digits : stream of 4 bits, Out; a new ``start`` may come while it waits
    """

    def __init__(self, width: int) -> None:
        self._width = width
        super().__init__({
            "start": In(1), "dividend": In(width), "divisor": In(width), "digits": Out(stream.Signature(4)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rest = Signal(self._width + _BASE.bit_length())
        divisor = Signal(self._width)
        digit = self.digits.payload
        fits = rest >= divisor
        working = Signal()
        m.d.comb += self.digits.valid.eq(working & ~fits)
        with m.If(self.start):
            m.d.sync += [rest.eq(self.dividend), divisor.eq(self.divisor), digit.eq(0), working.eq(1)]
        with m.Elif(working & fits):
            m.d.sync += [rest.eq(rest - divisor), digit.eq(digit + 1)]
        with m.Elif(self.digits.ready):
            m.d.sync += [rest.eq(rest * _BASE), digit.eq(0)]
        return m
