"""What an attack is, and the table that collects them."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from chipset.boards.straps import Strap
from cocotb_tests.attacks.launch.evidence import Evidence
from cocotb_tests.attacks.launch.judge import Harm
from cocotb_tests.attacks.launch.slips import Slip
from cocotb_tests.attacks.launch.stage import Missing, Stage
from cocotb_tests.attacks.launch.tpm import Refusing

__all__ = ["ATTACKS", "Attack", "Protection", "attack", "perform"]

Protection = Strap | Slip | Missing


@dataclass(frozen=True, eq=False)
class Attack:
    """One attack.

    Attributes
    ----------
    name, theme : the script's, and its file's
    aims_at : what of whom is to be reached
    how : the script's docstring
    control : the one protection that its control run lacks
    harm : what the attacker achieves then
    off_in_both : what is switched off in both runs, because it would stop the attack too
    phases : numbers that the script is run with: each is blocked, and in the control run each does harm
    sweep : more of them: each is blocked, and in the control run some do harm
    """

    name: str
    theme: str
    aims_at: str
    how: str
    control: Protection
    harm: Harm
    script: Callable[[Stage, int], None]
    off_in_both: tuple[Protection, ...]
    phases: tuple[int, ...]
    sweep: range


ATTACKS: dict[str, Attack] = {}


def attack(aims_at: str, *, control: Protection, harm: Harm, off_in_both: tuple[Protection, ...] = (), phases: tuple[int, ...] = (0,),
           sweep: range = range(0)) -> Callable[[Callable[[Stage, int], None]], Attack]:  # fmt: skip
    """Puts a script into the table. It says what lies in memory and what the launcher does, before anything runs."""

    def enter(script: Callable[[Stage, int], None]) -> Attack:
        assert script.__doc__
        name, theme = script.__name__, script.__module__.rpartition(".")[2]
        assert name not in ATTACKS
        ATTACKS[name] = Attack(name, theme, aims_at, script.__doc__, control, harm, script, off_in_both, phases, sweep)
        return ATTACKS[name]

    return enter


def perform(one: Attack, tpm: Refusing, rng: random.Random, phase: int, *, control: bool) -> Evidence:
    """A run of an attack, or its control run, and what was seen of it."""
    stage = Stage(frozenset((*one.off_in_both, *((one.control,) if control else ()))), rng, tpm)
    one.script(stage, phase)
    return stage.run()
