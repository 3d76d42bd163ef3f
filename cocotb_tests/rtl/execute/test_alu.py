"""The ALU against plain arithmetic."""

from random import Random
from typing import Any

import pytest

from cocotb_tests.rtl.execute.bench import WIDTHS, Answer, combinational, flags_of, operand
from cocotb_tests.rtl.execute.reference import add, logic, subtract, to_signed
from rtl.execute.alu import AluUnit
from rtl.execute.operand import OperandWidth
from rtl.microcode.uop import Alu

_CASES = 250


def _expected(fn: Alu, bits: int, a: int, b: int, c: int, flags: dict[str, int], condition: int) -> Answer:
    mask = (1 << bits) - 1
    if fn in (Alu.ADD, Alu.ADC):
        return add(a, b, flags["cf"] if fn == Alu.ADC else 0, bits)
    if fn in (Alu.SUB, Alu.CMP, Alu.SBB):
        return subtract(a, b, flags["cf"] if fn == Alu.SBB else 0, bits)
    if fn == Alu.NEG:
        return subtract(0, b, 0, bits)
    if fn == Alu.CMPXCHG:
        return Answer(c if a == b else a, subtract(b, a, 0, bits).flags)
    value = {
        Alu.OR: a | b,
        Alu.AND: a & b,
        Alu.XOR: a ^ b,
        Alu.PASS: b,
        Alu.NOT: ~b,
        Alu.SEXT8: to_signed(b & 0xFF, 8),
        Alu.SEXT16: to_signed(b & 0xFFFF, 16),
        Alu.ZEXT8: b & 0xFF,
        Alu.ZEXT16: b & 0xFFFF,
        Alu.SIGN: -1 if to_signed(b, bits) < 0 else 0,
        Alu.BSWAP: int.from_bytes(b.to_bytes(4, "little"), "big"),
        Alu.SETCC: condition,
    }[fn]
    return logic(value & mask, bits)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("fn", Alu)
def test_against_reference(fn: Alu, width: OperandWidth, rng: Random) -> None:
    """Result and all six flags, corners preferred."""
    bits = WIDTHS[width]
    cases: list[dict[str, Any]] = []
    for _ in range(_CASES):
        whole = fn in (Alu.SEXT8, Alu.SEXT16, Alu.ZEXT8, Alu.ZEXT16)  # look at b whatever the width
        b = operand(rng, 32 if whole else bits)
        cases.append({
            "fn": fn, "width": width, "a": rng.choice((b % (1 << bits), *[operand(rng, bits)] * 4)), "b": b, "c": operand(rng, bits),
            "flags_in": flags_of(rng.randrange(64)), "condition": rng.randrange(2),
        })  # fmt: skip
    for case, answer in zip(cases, combinational(AluUnit(), cases), strict=True):
        assert answer == _expected(fn, bits, case["a"], case["b"], case["c"], case["flags_in"], case["condition"]), case
