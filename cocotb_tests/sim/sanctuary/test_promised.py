"""Whether all is as promised: said of real runs, and of each kind of run that is not so."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sim.sanctuary.interference import COMPANIES, Retired
from sim.sanctuary.report import native_as_guest, passed
from sim.sanctuary.runs import AttackPair, Results
from sim.sanctuary.sensitive import PLACES, Observed

__all__: list[str] = []

NATIVE, GUEST, RING_1 = PLACES


@pytest.fixture
def results(retired: Callable[[str], Retired], observed: Callable[[str], Observed]) -> Results:
    """The real runs, and one attack as promised."""
    pair = cast(AttackPair, SimpleNamespace(as_promised=True))
    return Results([pair], [retired(company) for company in COMPANIES], [observed(place) for place in PLACES])


def test_real_runs_pass(results: Results) -> None:
    assert native_as_guest(results) and passed(results, 1)


@pytest.mark.parametrize("place", PLACES)
def test_a_place_that_was_not_looked_at_is_noticed(results: Results, place: str) -> None:
    results.observed = [o for o in results.observed if o.place != place]
    assert not native_as_guest(results) and not passed(results, 1)


def test_a_guest_that_sees_ring_1_and_a_ring_1_that_sees_nothing_are_noticed(results: Results) -> None:
    native, guest, moved = results.observed
    results.observed = [native, replace(moved, place=GUEST), moved]
    assert not native_as_guest(results)
    results.observed = [native, guest, replace(native, place=RING_1)]
    assert not native_as_guest(results)
    results.observed = [replace(o, lines={}) for o in (native, guest)] + [moved]
    assert not native_as_guest(results)


def spoiled(results: Results, what: str) -> tuple[Results, int]:
    changes: dict[str, Any] = {
        "a run that broke down": {"failures": ["guest 2 alone: OSError"]},
        "an attack not as promised": {"pairs": [SimpleNamespace(as_promised=False)]},
        "a company missing": {"retired": results.retired[:-1]},
        "another digest": {"retired": [*results.retired[:-1], replace(results.retired[-1], digest="0" * 64)]},
    }
    return (replace(results, **changes[what]), 1) if what in changes else (results, 2)


@pytest.mark.parametrize(
    "what", ["a run that broke down", "an attack not as promised", "a company missing", "another digest", "an attack missing"]
)
def test_whatever_is_not_as_promised_is_noticed(results: Results, what: str) -> None:
    assert not passed(*spoiled(results, what))
