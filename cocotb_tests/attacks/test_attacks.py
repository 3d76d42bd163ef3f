"""Every attack of the scenario on the RTL, above the isolation kernel: blocked with all protections, successful with one fewer.

A run and its control run differ in one switch of the kernel or one strap of the simulated machine; the judge is told neither.
"""

import pytest

from firmware.guests.attacks import ATTACKS, BY_NAME, PENDING, Attack
from sim.sanctuary.attack_run import run_attack
from sim.sanctuary.judge import judge

__all__: list[str] = []

_LEAST = 45  # attacks that the scenario holds


def name(attack: Attack) -> str:
    return attack.name


@pytest.mark.parametrize("attack", ATTACKS, ids=name)
def test_blocked(attack: Attack) -> None:
    """Tried and not achieved; what is allowed still works, and guest 2's answers are those of Python's hmac."""
    verdict = judge(run_attack(attack, attack.off_in_both))
    assert verdict.attempted, verdict
    assert not verdict.succeeded, verdict
    assert verdict.allowed, verdict
    assert verdict.answers_right, verdict


@pytest.mark.parametrize("attack", ATTACKS, ids=name)
def test_succeeds_without_its_protection(attack: Attack) -> None:
    verdict = judge(run_attack(attack, (*attack.off_in_both, attack.control)))
    assert verdict.attempted, verdict
    assert verdict.succeeded, verdict


def test_the_attacks_are_many_and_distinct() -> None:
    """No two are made alike; in mechanism (the attempt), target, or the protection that stops them they differ."""
    assert len(ATTACKS) >= _LEAST
    assert len(BY_NAME) == len(ATTACKS)
    assert len({(a.attempt, a.target, a.control) for a in ATTACKS}) == len(ATTACKS)
    assert not {a.name for a, _ in PENDING} & BY_NAME.keys()


def test_a_control_switches_off_what_its_run_has_on() -> None:
    assert all(a.control not in a.off_in_both for a in ATTACKS)
