"""Operand widths, resolved: what every function unit works with."""

from amaranth import Cat, Const, Mux, Value
from amaranth.lib import enum

__all__ = ["OperandWidth", "cut", "parity_even", "pick", "sign"]


class OperandWidth(enum.Enum, shape=2):
    """Width of an operation once the micro-op's ``Width`` has been resolved. The value is log2 of the bytes."""

    BYTE = 0
    WORD = 1
    DWORD = 2


def pick(width: Value, byte: Value, word: Value, dword: Value) -> Value:
    """The one of three values that belongs to ``width``."""
    return Mux(width == OperandWidth.DWORD, dword, Mux(width == OperandWidth.WORD, word, byte))


def sign(value: Value, width: Value) -> Value:
    """The most significant bit of a value of this width."""
    return pick(width, value[7], value[15], value[31])


def cut(value: Value, width: Value) -> Value:
    """``value`` cut to the width and zero-extended to 32 bits."""
    byte, word = width == OperandWidth.BYTE, width == OperandWidth.WORD
    return Cat(value[:8], Mux(byte, Const(0, 8), value[8:16]), Mux(byte | word, Const(0, 16), value[16:32]))


def parity_even(value: Value) -> Value:
    """PF: the low byte has an even number of ones."""
    return ~value[:8].xor()
