"""Bit tests and scans."""

from random import Random
from typing import Any

import pytest

from cocotb_tests.rtl.execute.bench import WIDTHS, combinational, operand
from cocotb_tests.rtl.execute.reference import bit_scan, bit_test
from rtl.execute.bits import BitsUnit
from rtl.execute.operand import OperandWidth
from rtl.microcode.uop import Bits


@pytest.mark.parametrize("width", [OperandWidth.WORD, OperandWidth.DWORD])
@pytest.mark.parametrize("fn", Bits)
def test_against_reference(fn: Bits, width: OperandWidth, rng: Random) -> None:
    """Random words, single bits, and none."""
    bits = WIDTHS[width]
    cases: list[dict[str, Any]] = [{"fn": fn, "width": width, "a": operand(rng, bits), "b": operand(rng, bits)} for _ in range(800)]
    for case, answer in zip(cases, combinational(BitsUnit(), cases), strict=True):
        reference = bit_scan if fn in (Bits.BSF, Bits.BSR) else bit_test
        assert answer == reference(fn.name, case["a"], case["b"], bits), case
