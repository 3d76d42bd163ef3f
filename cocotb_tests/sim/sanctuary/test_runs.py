"""The scenario's runs as a whole, with runs of a moment in place of the real ones: one that breaks down is told of, the others count."""

from collections.abc import Iterator
from typing import Any

import pytest

from firmware.guests.attacks import ATTACKS
from sim.sanctuary import runs
from sim.sanctuary.groups import Group
from sim.sanctuary.interference import Retired
from sim.sanctuary.runs import Kind, Run, run_all
from sim.sanctuary.sensitive import PLACES, Observed

__all__ = ["branch", "start"]


def start() -> None:
    """Nothing is shared."""


def branch(_: None, run: Run) -> Any:
    if run.kind is Kind.ATTACK:
        raise RuntimeError("the attack was too good")
    return Observed(run.name, {}, 10) if run.kind is Kind.OBSERVED else Retired(run.name, 1, "", (), 100)


def test_a_run_that_breaks_down_is_a_failure_and_the_others_count(monkeypatch: pytest.MonkeyPatch) -> None:
    first, last = PLACES[0], PLACES[-1]

    def few(*_: object) -> Iterator[Group]:
        yield Group(start, branch, (Run(Kind.ATTACK, ATTACKS[0].name, "an attack"), Run(Kind.OBSERVED, last, "the last")))
        yield Group(start, branch, (Run(Kind.OBSERVED, first, "the first"),))

    monkeypatch.setattr(runs, "scenario", few)
    told: list[tuple[str, int, int]] = []
    results = run_all(ATTACKS[:1], 2, lambda *what: told.append(what))
    assert results.failures == ["an attack: RuntimeError: the attack was too good"]
    assert [o.place for o in results.observed] == [first, last]
    assert results.cycles == 20 and not results.pairs
    assert {label for label, _, _ in told} == {"an attack", "the first", "the last"}
    assert [(number, total) for _, number, total in told] == [(1, 3), (2, 3), (3, 3)]
