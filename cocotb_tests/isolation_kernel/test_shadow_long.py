"""More of the same for the long regression: random guest page tables and edits against the reference translation."""

import random

import pytest

from cocotb_tests.isolation_kernel import test_shadow_reference as short

__all__: list[str] = []

PARTS = 30


@pytest.mark.regress
@pytest.mark.parametrize("part", range(PARTS))
def test_random_tables_and_edits(part: int, rng: random.Random) -> None:
    short.test_random_tables_and_edits(rng)
