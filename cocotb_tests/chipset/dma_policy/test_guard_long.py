"""More of the same for the long regression: the guard under random traffic and policies, many times over."""

import random

import pytest

from cocotb_tests.chipset.dma_policy.test_guard_random import Run

__all__: list[str] = []

PARTS = 40
LEAST = 30  # refusals and admissions of a run, so that it means something


@pytest.mark.regress
@pytest.mark.parametrize("part", range(PARTS))
def test_every_verdict_is_one_of_a_policy_in_force(part: int, rng: random.Random) -> None:
    refused, admitted = Run(rng).run()
    assert refused > LEAST and admitted > LEAST
