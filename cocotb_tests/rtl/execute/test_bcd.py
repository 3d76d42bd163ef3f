"""Decimal adjustments, exhaustively in AL, AF and CF."""

from random import Random
from typing import Any

import pytest

from cocotb_tests.rtl.execute.bench import combinational, flags_of
from cocotb_tests.rtl.execute.reference import bcd
from rtl.execute.bcd import BcdUnit
from rtl.microcode.uop import Bcd


@pytest.mark.parametrize("fn", Bcd)
def test_every_al(fn: Bcd, rng: Random) -> None:
    """256 × 4 cases; AH at random and at its ends."""
    cases: list[dict[str, Any]] = [
        {
            "fn": fn,
            "b": al | rng.choice((0, 0xFF00, rng.randrange(256) << 8)),
            "flags_in": flags_of(rng.randrange(64)) | {"cf": cf, "af": af},
        }
        for al in range(256)
        for cf in (0, 1)
        for af in (0, 1)
    ]
    for case, answer in zip(cases, combinational(BcdUnit(), cases), strict=True):
        assert answer == bcd(fn.name, case["b"], case["flags_in"]["cf"], case["flags_in"]["af"]), case
