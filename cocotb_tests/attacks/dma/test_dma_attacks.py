"""Every attack on the DMA guard: blocked by the machine as it is, successful where one protection is missing.

A run and its control run differ in one strap of the simulated machine, in one wire of a machine with seeded bugs, or in one mistake of
ring -1's software; the judge is told neither.
"""

import pytest

from cocotb_tests.attacks.dma.attack import perform
from cocotb_tests.attacks.dma.judge import Verdict, judge
from cocotb_tests.attacks.dma.machine import bench
from cocotb_tests.attacks.dma.stage import Slip
from cocotb_tests.attacks.dma.switchboard import BUGS
from cocotb_tests.attacks.dma.table import ATTACKS, THEMES

__all__: list[str] = []

_LEAST = 75  # attacks in the table


def blocked(verdict: Verdict) -> bool:
    """Tried and not achieved; answered all the same, and what is allowed gets through afterwards."""
    return verdict.attempted and not verdict.succeeded and not verdict.unanswered and not verdict.refused


@pytest.mark.parametrize("name", ATTACKS)
def test_blocked(name: str) -> None:
    attack = ATTACKS[name]
    verdict = judge(perform(attack, bench(seeded=False, disk=attack.disk), attack.off_in_both))
    assert blocked(verdict), verdict


@pytest.mark.parametrize("name", ATTACKS)
def test_succeeds_without_its_protection(name: str) -> None:
    """On one machine, which has every seeded bug behind a switch: with all switches open the attack is blocked there too."""
    attack = ATTACKS[name]
    verdict = judge(perform(attack, bench(seeded=True, disk=attack.disk), attack.off_in_both))
    assert blocked(verdict), verdict
    verdict = judge(perform(attack, bench(seeded=True, disk=attack.disk), (*attack.off_in_both, attack.control)))
    assert verdict.attempted, verdict
    assert attack.harm in {harm for harm, _ in verdict.harms}, verdict


def test_the_attacks_are_many_and_distinct() -> None:
    """No two are made alike; in mechanism (the script's own words), target, or the protection that stops them they differ."""
    assert len(ATTACKS) >= _LEAST
    assert len({attack.how for attack in ATTACKS.values()}) == len(ATTACKS)
    assert len({(attack.theme, attack.aims_at, attack.control, attack.how) for attack in ATTACKS.values()}) == len(ATTACKS)
    assert len({attack.control for attack in ATTACKS.values()}) >= _LEAST // 2
    assert {attack.theme for attack in ATTACKS.values()} == {theme.__name__.rpartition(".")[2] for theme in THEMES}


def test_the_mistakes_of_others_are_there_by_name() -> None:
    """Five of XMHF's driver, two of TrenchBoot's hand-over."""
    names = [attack.name.partition("_")[0] for attack in ATTACKS.values() if attack.theme == "history"]
    assert (names.count("xmhf"), names.count("trenchboot")) == (5, 2)


def test_every_seeded_bug_lets_an_attack_through() -> None:
    controls = {attack.control for attack in ATTACKS.values()}
    assert set(BUGS.values()) <= controls
    assert set(Slip) <= controls
