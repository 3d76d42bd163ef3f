"""The parts of a late launch: each from its own event, in order, and all of them."""

import pytest

from firmware.build import guest
from sim.bench.launch_cost import PARTS, launch_cost, parts_of
from sim.bench.programs import BenchError

__all__: list[str] = []


def test_parts_of_a_launch() -> None:
    parts = launch_cost(guest("mass_market"))
    assert tuple(parts) == PARTS and all(cycles > 0 for cycles in parts.values())
    assert parts["loader measures it"] > parts["loader copies the stub"]  # each word is read again, and hashed


def test_no_launch_is_told() -> None:
    with pytest.raises(BenchError, match="the late launch got no further than 'SKINIT'"):
        parts_of(iter(()), 0)
