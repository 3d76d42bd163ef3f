"""What an attack is, and the table that collects them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from chipset.boards.straps import Strap
from cocotb_tests.attacks.dma.evidence import Evidence
from cocotb_tests.attacks.dma.judge import Harm
from cocotb_tests.attacks.dma.machine import Bench
from cocotb_tests.attacks.dma.stage import Slip, Stage
from cocotb_tests.attacks.dma.switchboard import Bug
from cocotb_tests.attacks.dma.world import World

__all__ = ["ATTACKS", "Attack", "Protection", "attack", "perform"]

Protection = Strap | Bug | Slip


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
    disk : the machine must have one
    repaired : the attack leaves a policy in which nothing is allowed: ring -1 sets the usual one before what is allowed is tried
    """

    name: str
    theme: str
    aims_at: str
    how: str
    control: Protection
    harm: Harm
    script: Callable[[Stage], Awaitable[None]]
    off_in_both: tuple[Protection, ...] = ()
    disk: bool = False
    repaired: bool = False


ATTACKS: dict[str, Attack] = {}


def attack(aims_at: str, *, control: Protection, harm: Harm, off_in_both: tuple[Protection, ...] = (),
           disk: bool = False, repaired: bool = False) -> Callable[[Callable[[Stage], Awaitable[None]]], Attack]:  # fmt: skip
    """Puts a script into the table. It begins when the machine is out of reset and the guard still open."""

    def enter(script: Callable[[Stage], Awaitable[None]]) -> Attack:
        assert script.__doc__
        name, theme = script.__name__, script.__module__.rpartition(".")[2]
        assert name not in ATTACKS
        ATTACKS[name] = Attack(name, theme, aims_at, script.__doc__, control, harm, script, off_in_both, disk, repaired)
        return ATTACKS[name]

    return enter


def perform(one: Attack, bench: Bench, off: tuple[Protection, ...]) -> Evidence:
    """The run of an attack with the protections ``off`` switched off, and what was seen of it."""
    evidence = Evidence(World())
    slips = [each for each in off if isinstance(each, Slip)]
    circuit = tuple(each for each in off if not isinstance(each, Slip))
    bench.run(evidence, lambda: _acts(one, Stage(bench, evidence, slips)), circuit)
    return evidence


async def _acts(one: Attack, stage: Stage) -> None:
    await stage.out_of_reset()
    await one.script(stage)
    await stage.quiet()
    if one.repaired:
        await stage.protect()
    for number in range(len(stage.device)):
        await stage.allowed(number)
    if stage.disk.used:
        await stage.disk.allowed()
    await stage.look()
