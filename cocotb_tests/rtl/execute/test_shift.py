"""The shifter against shifting one bit at a time."""

from random import Random
from typing import Any

import pytest

from cocotb_tests.rtl.execute.bench import WIDTHS, combinational, flags_of, operand
from cocotb_tests.rtl.execute.reference import shift
from rtl.execute.operand import OperandWidth
from rtl.execute.shift import ShiftUnit
from rtl.microcode.uop import Shift


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("fn", Shift)
def test_every_count(fn: Shift, width: OperandWidth, rng: Random) -> None:
    """Every count from 0 to 31, and bits above the count that must not matter."""
    if fn in (Shift.SHLD, Shift.SHRD) and width == OperandWidth.BYTE:
        pytest.skip("no such instruction")
    bits = WIDTHS[width]
    cases: list[dict[str, Any]] = [
        {
            "fn": fn, "width": width, "a": operand(rng, bits), "b": count | rng.choice((0, 0, 0x20, 0xE0)), "c": operand(rng, bits),
            "flags_in": flags_of(rng.randrange(64)),
        }
        for count in range(32)
        for _ in range(16)
    ]  # fmt: skip
    for case, answer in zip(cases, combinational(ShiftUnit(), cases), strict=True):
        assert answer == shift(fn.name, case["a"], case["b"], case["c"], case["flags_in"]["cf"], bits), case
