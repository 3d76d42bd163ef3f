"""The 17 instructions that do not trap, on the RTL: in a guest's ring 0 as on the bare machine, and not so for a kernel moved to ring 1."""

from collections.abc import Callable

import pytest

from cocotb_tests.firmware.test_guests import SEVENTEEN
from sim.sanctuary.sensitive import PLACES, Observed, differences

__all__: list[str] = []

NATIVE, GUEST, RING_1 = PLACES

Seen = Callable[[str], Observed]


def of(observed: Observed, instruction: str) -> dict[str, str]:
    """The lines of one instruction."""
    return {what: value for what, value in observed.lines.items() if what.split()[0] == instruction}


@pytest.mark.parametrize("instruction", sorted(SEVENTEEN))
def test_in_a_guest_as_on_the_bare_machine(instruction: str, observed: Seen) -> None:
    native = of(observed(NATIVE), instruction)
    assert native and of(observed(GUEST), instruction) == native


@pytest.mark.parametrize("instruction", sorted(SEVENTEEN))
def test_in_ring_1_it_shows(instruction: str, observed: Seen) -> None:
    native, moved = (of(observed(place), instruction) for place in (NATIVE, RING_1))
    assert native.keys() == moved.keys() and native != moved


def test_all_that_was_seen_is_of_them(observed: Seen) -> None:
    for place in PLACES:
        assert {what.split()[0] for what in observed(place).lines} == SEVENTEEN
    assert not differences(observed(NATIVE), observed(GUEST))
    assert {what.split()[0] for what in differences(observed(NATIVE), observed(RING_1))} == SEVENTEEN
