"""The report: a text with numbers in it, as a stream of bytes."""

from collections.abc import Iterable
from dataclasses import dataclass

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.boards.guard_demo.decimal import DecimalDigits

__all__ = ["NUMBER_DIGITS", "Number", "Ratio", "Report", "ReportText"]

NUMBER_DIGITS = 8
_RATIO_DIGITS = 5  # one before the point
# Bytes of the text's memory that are no characters.
_NUMBER, _RATIO, _VERDICT, _END = 0x80, 0xC0, 0xE0, 0xFF
_POINT, _BLANK, _ZERO = b".", b" ", b"0"


@dataclass(frozen=True)
class Number:
    """A place in the text for a number: ``NUMBER_DIGITS`` wide, blanks before it."""

    index: int


@dataclass(frozen=True)
class Ratio:
    """A place in the text for the ratio, with four digits behind the point."""


@dataclass(frozen=True)
class ReportText:
    """What is said, in ASCII, and what is said at its end if all is well or not."""

    body: tuple[str | Number | Ratio, ...]
    passed: str
    failed: str

    def code(self) -> tuple[list[int], int]:
        """The text's memory, and where in it ``failed`` begins, ``passed`` coming right behind the body."""
        body = [byte for part in self.body for byte in _coded(part)]
        passed = [*self.passed.encode("ascii"), _END]
        return [*body, _VERDICT, *passed, *self.failed.encode("ascii"), _END], len(body) + 1 + len(passed)


def _coded(part: str | Number | Ratio) -> Iterable[int]:
    if isinstance(part, str):
        return part.encode("ascii")
    return [_NUMBER + part.index] if isinstance(part, Number) else [_RATIO]


class Report(wiring.Component):
    """Says the text when asked.

    Parameters
    ----------
    text : what is said
    width : bits of a number
    numbers : how many there are

    Members
    -------
    start : In(1); busy : Out(1), the text is being said, and all that it tells holds still
    numbers : In(width) each, below 10 ** NUMBER_DIGITS; passed : In(1)
    dividend, divisor : In(width), of the ratio, as of ``DecimalDigits``
    bytes_out : stream of bytes, Out
    """

    def __init__(self, text: ReportText, *, width: int, numbers: int) -> None:
        self._code, self._failed_at = text.code()
        self._width = width
        super().__init__({
            "start": In(1), "busy": Out(1), "numbers": In(width).array(numbers), "passed": In(1),
            "dividend": In(width), "divisor": In(width), "bytes_out": Out(stream.Signature(8)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.text = text = memory.Memory(shape=8, depth=len(self._code), init=self._code)
        m.submodules.decimal = decimal = DecimalDigits(self._width)
        read = text.read_port()
        at = Signal(range(len(self._code)))
        left = Signal(range(NUMBER_DIGITS + 1))  # digits
        blank = Signal()  # no digit but zeros so far
        is_ratio = Signal()
        out, code, digit = self.bytes_out, read.data, decimal.digits.payload
        sent = Signal()
        m.d.comb += [read.addr.eq(at), sent.eq(out.valid & out.ready)]

        def go_on() -> None:
            m.d.sync += at.eq(at + 1)
            m.next = "FETCH"

        with m.FSM() as state:
            with m.State("IDLE"):
                m.d.sync += at.eq(0)
                with m.If(self.start):
                    m.next = "FETCH"
            with m.State("FETCH"):
                m.next = "DECODE"
            with m.State("DECODE"):
                with m.If(code < _NUMBER):
                    m.d.comb += [out.valid.eq(1), out.payload.eq(code)]
                    with m.If(sent):
                        go_on()
                with m.Elif(code < _RATIO):
                    m.d.comb += [
                        decimal.start.eq(1), decimal.dividend.eq(Array(self.numbers)[code - _NUMBER]),
                        decimal.divisor.eq(10 ** (NUMBER_DIGITS - 1)),
                    ]  # fmt: skip
                    m.d.sync += [left.eq(NUMBER_DIGITS), blank.eq(1), is_ratio.eq(0)]
                    m.next = "DIGITS"
                with m.Elif(code == _RATIO):
                    m.d.comb += [decimal.start.eq(1), decimal.dividend.eq(self.dividend), decimal.divisor.eq(self.divisor)]
                    m.d.sync += [left.eq(_RATIO_DIGITS), blank.eq(0), is_ratio.eq(1)]
                    m.next = "DIGITS"
                with m.Elif(code == _VERDICT):
                    m.d.sync += at.eq(Mux(self.passed, at + 1, self._failed_at))
                    m.next = "FETCH"
                with m.Else():
                    m.next = "IDLE"
            with m.State("DIGITS"):
                m.d.comb += [
                    out.valid.eq(decimal.digits.valid), decimal.digits.ready.eq(out.ready),
                    out.payload.eq(Mux(blank & (digit == 0) & (left != 1), _BLANK[0], _ZERO[0] + digit)),
                ]  # fmt: skip
                with m.If(sent):
                    m.d.sync += left.eq(left - 1)
                    with m.If(digit != 0):
                        m.d.sync += blank.eq(0)
                    with m.If(left == 1):
                        go_on()
                    with m.Elif(is_ratio & (left == _RATIO_DIGITS)):
                        m.next = "POINT"
            with m.State("POINT"):
                m.d.comb += [out.valid.eq(1), out.payload.eq(_POINT[0])]
                with m.If(sent):
                    m.next = "DIGITS"
        m.d.comb += self.busy.eq(~state.ongoing("IDLE"))
        return m
