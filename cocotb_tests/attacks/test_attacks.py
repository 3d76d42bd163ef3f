"""Every attack of the scenario on the RTL, above the isolation kernel: blocked with all protections, successful with one fewer.

A run and its control run differ in one switch of the kernel or one strap of the simulated machine; the judge is told neither.
"""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from firmware.guests.attacks import ATTACKS, BY_NAME, PENDING, Attack, Witness
from sim.sanctuary.attack_run import AttackRun
from sim.sanctuary.branches import Branches
from sim.sanctuary.judge import Verdict, judge
from sim.sanctuary.runs import begin
from sim.sanctuary.started import Start, Started

__all__ = ["verdict_of"]

_LEAST = 70  # attacks that the scenario holds
_KEPT = 2  # starts, each a machine in a process

Run = Callable[[Attack, tuple[str, ...]], Verdict]


def name(attack: Attack) -> str:
    return attack.name


def by_start(control: bool) -> list[Attack]:
    """All attacks, those whose runs begin alike next to each other."""

    def key(attack: Attack) -> list[list[str]]:
        start = Start.of(attack, (*attack.off_in_both, *([attack.control] if control else ())))
        return [sorted(start.off), *(sorted(item.name for item in what) for what in (start.rights1, start.rights2, start.devices))]

    return sorted(ATTACKS, key=key)


def verdict_of(started: Started, attack: str) -> Verdict:
    return judge(AttackRun(BY_NAME[attack], started).run())


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Runs an attack with some protections off: a branch of the start that it shares with others, if that is still there."""
    branches: dict[Start, Branches] = {}

    def run_one(attack: Attack, off: tuple[str, ...]) -> Verdict:
        start = Start.of(attack, off)
        if start not in branches:
            while len(branches) >= _KEPT:
                branches.pop(next(iter(branches))).close()
            branches[start] = Branches(partial(begin, start), verdict_of)
        branches[start].order(attack.name)
        outcome = branches[start].outcome()
        assert not outcome.error, outcome.error
        verdict: Verdict = outcome.value
        return verdict

    yield run_one
    for one in branches.values():
        one.close()


@pytest.mark.parametrize("attack", by_start(control=False), ids=name)
def test_blocked(attack: Attack, run: Run) -> None:
    """Tried and not achieved; what is allowed still works, guest 1's timer and processes go on, and guest 2's answers are those of Python's
    hmac."""
    verdict = run(attack, attack.off_in_both)
    assert verdict.attempted, verdict
    assert not verdict.succeeded, verdict
    assert verdict.allowed, verdict
    assert verdict.lived, verdict
    assert verdict.answers_right, verdict


@pytest.mark.parametrize("attack", by_start(control=True), ids=name)
def test_succeeds_without_its_protection(attack: Attack, run: Run) -> None:
    """Tried and achieved; what is allowed works here too, unless the attack has left no machine that runs."""
    verdict = run(attack, (*attack.off_in_both, attack.control))
    assert verdict.allowed or not verdict.runs_on, verdict
    assert verdict.attempted, verdict
    assert verdict.succeeded, verdict


def test_the_attacks_are_many_and_distinct() -> None:
    """No two are made alike; in mechanism (the attempt), target, or the protection that stops them they differ."""
    assert len(ATTACKS) >= _LEAST
    assert len(BY_NAME) == len(ATTACKS)
    assert len({(a.attempt, a.target, a.control) for a in ATTACKS}) == len(ATTACKS)
    assert not {a.name for a, _ in PENDING} & BY_NAME.keys()


def test_every_allowed_access_comes_after_the_attempt_and_is_of_its_own_kind() -> None:
    """Giving up the processor is that of attacks on ring −1's instructions alone, of which VMMCALL is the one that a guest may use."""
    assert {a.control for a in ATTACKS if a.allowed == "call_own"} == {"svm_intercepts"}
    assert {a.name for a in ATTACKS if isinstance(a.allowed, Witness)} == {"exit_port", "reset_and_read"}


def test_a_control_switches_off_what_its_run_has_on() -> None:
    assert all(a.control not in a.off_in_both for a in ATTACKS)
