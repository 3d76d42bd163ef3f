"""Every attack on the late launch: blocked by the machine as it is, successful where one protection is missing.

A run and its control run differ in one strap of the simulated machine, in one mistake of the secure loader, or in one thing that the stage
leaves out; the judge is told neither. The machine is the whole one, the TPM a real one.
"""

import random

import pytest

from cocotb_tests.attacks.launch.attack import perform
from cocotb_tests.attacks.launch.judge import Harm, judge
from cocotb_tests.attacks.launch.slips import Slip, loader_with
from cocotb_tests.attacks.launch.stage import Missing, Stage
from cocotb_tests.attacks.launch.table import ATTACKS, THEMES
from cocotb_tests.attacks.launch.tpm import Refusing
from firmware.build import secure_loader

__all__: list[str] = []

_LEAST = 33  # attacks in the table
_RUNS = [
    pytest.param(name, phase, marks=() if n == 0 else pytest.mark.regress)
    for name, attack in ATTACKS.items()
    for n, phase in enumerate(attack.phases)
]
"""Each attack at its first phase; at its others in the regression."""
_SWEPT = [name for name, attack in ATTACKS.items() if attack.sweep]
_CONTROLS = 4  # of the phases of a sweep one in so many has a control run


def test_without_an_attack_it_starts(tpm: Refusing, rng: random.Random) -> None:
    """The judge sees a launch as it should be, and PCR 17 to 18 are what one computes for oneself."""
    evidence = Stage(frozenset(), rng, tpm, starts=True, kept=True).run()
    assert not judge(evidence), evidence
    assert (evidence.launch, evidence.kernel) == evidence.genuine
    assert evidence.said == "LS"


def test_the_loader_without_slips_is_the_loader() -> None:
    assert loader_with() == secure_loader()


@pytest.mark.parametrize(("name", "phase"), _RUNS)
def test_blocked(name: str, phase: int, tpm: Refusing, rng: random.Random) -> None:
    evidence = perform(ATTACKS[name], tpm, rng, phase, control=False)
    assert not judge(evidence), evidence


@pytest.mark.parametrize(("name", "phase"), _RUNS)
def test_succeeds_without_its_protection(name: str, phase: int, tpm: Refusing, rng: random.Random) -> None:
    attack = ATTACKS[name]
    evidence = perform(attack, tpm, rng, phase, control=True)
    assert attack.harm in judge(evidence), evidence


@pytest.mark.regress
@pytest.mark.parametrize("name", _SWEPT)
def test_blocked_at_every_phase(name: str, tpm: Refusing, rng: random.Random) -> None:
    """From before SKINIT until after the stub runs; some phases do harm in their control run."""
    attack = ATTACKS[name]
    harmed = []
    for phase in attack.sweep:
        evidence = perform(attack, tpm, rng, phase, control=False)
        assert not judge(evidence), (phase, evidence)
    for phase in list(attack.sweep)[::_CONTROLS]:
        if attack.harm in judge(perform(attack, tpm, rng, phase, control=True)):
            harmed.append(phase)
    assert harmed


@pytest.mark.parametrize("name", ["block_is_overwritten", "block_is_read", "map_is_written"])
def test_engines_are_refused_and_not_only_late(name: str, tpm: Refusing, rng: random.Random) -> None:
    """What is blocked was tried."""
    attack = ATTACKS[name]
    assert perform(attack, tpm, rng, attack.phases[0], control=False).denied


def test_the_attacks_are_many_and_distinct() -> None:
    assert len(ATTACKS) >= _LEAST
    assert len({(attack.how, attack.aims_at) for attack in ATTACKS.values()}) == len(ATTACKS)
    assert {attack.theme for attack in ATTACKS.values()} == {theme.__name__.rpartition(".")[2] for theme in THEMES}
    assert set(Harm) == {attack.harm for attack in ATTACKS.values()}


def test_every_slip_and_every_lack_lets_an_attack_through() -> None:
    controls = {attack.control for attack in ATTACKS.values()}
    assert (set(Slip) | set(Missing)) - controls == {Slip.RUNS_ANYWHERE}  # whose attack needs another ROM: test_refused.py
