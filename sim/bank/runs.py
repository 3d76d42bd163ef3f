"""All runs of the scenario, each in a process of its own: the story first, since attacks begin where its first start ends."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from sim.bank.attack import Attack
from sim.bank.attack_run import run_attack
from sim.bank.attacks import BY_NAME
from sim.bank.story import Story, tell_story
from sim.kernel_time import KernelTime
from sim.sanctuary.branches import preload
from sim.sanctuary.groups import Group, run_groups
from sim.sanctuary.waves import draw, view_decoder

__all__ = ["AttackPair", "Outcome", "Results", "run_all"]

_FIRST = "first"  # the folder of what a first start has left
_STORY = "the story"


@dataclass(frozen=True)
class Outcome:
    """Of one run of an attack."""

    attempt: str
    harm: str
    found: str
    allowed: str
    cycles: int
    kernel_time: KernelTime
    exits: dict[int, int]
    waves: str = ""  # the file with the window around the attempt


@dataclass(frozen=True)
class AttackPair:
    """An attack with all protections (but those that are off in both runs), and with one more missing."""

    attack: Attack
    protected: Outcome
    control: Outcome

    @property
    def blocked(self) -> bool:
        """Tried and without effect; and the machine says who it is, and pays, all the same."""
        return bool(self.protected.attempt and not self.protected.harm and self.protected.allowed)

    @property
    def control_succeeded(self) -> bool:
        """Tried, to its effect."""
        return bool(self.control.attempt and self.control.harm)

    @property
    def as_promised(self) -> bool:
        """Both."""
        return self.blocked and self.control_succeeded


@dataclass
class Results:
    """Everything that the report tells."""

    story: Story = field(default_factory=Story)
    pairs: list[AttackPair] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0  # of processors, all runs together
    kernel_time: KernelTime = KernelTime()


@dataclass(frozen=True)
class _Run:
    name: str
    control: bool = False

    @property
    def label(self) -> str:
        return f"{self.name} (control)" if self.control else self.name


def _nothing() -> None:
    """Runs share no start but what lies in a folder."""


def _tell(folder: Path, _: None, run: _Run) -> Story:
    return tell_story(folder, pictures=True)


def _attack(folder: Path, waves: Path | None, _: None, run: _Run) -> Outcome:
    attack = BY_NAME[run.name]
    stage = run_attack(attack, (*attack.off_in_both, *((attack.control,) if run.control else ())), folder)
    drawn = ""
    if waves is not None and not run.control and draw(waves / f"{run.name}.vcd", view_decoder(), stage.window, stage.attacked, {}):
        drawn = f"{run.name}.vcd"
    return Outcome(stage.attempt, stage.harm, stage.found, stage.allowed, stage.cycles, stage.kernel_time, stage.exits, drawn)


def run_all(
    attacks: Sequence[Attack],
    workers: int = 2,
    done: Callable[[str, int, int], None] = lambda label, number, total: None,
    waves: Path | None = None,
) -> Results:
    """Run everything; ``done(label, number, total)`` after each run. Waves around each attack are left in the folder ``waves``."""
    preload(("sim.bank.runs", "sim.machine_top"))  # the circuits too: waves are drawn of their view
    results = Results()
    with TemporaryDirectory(prefix="ringfence-bank-") as temporary:
        folder = Path(temporary) / _FIRST
        runs = [_Run(attack.name, control) for attack in attacks for control in (False, True)]
        total, finished = 1 + len(runs), 0
        found: dict[_Run, Outcome] = {}
        for groups in (
            [Group(_nothing, partial(_tell, folder), (_Run(_STORY),))],
            [Group(_nothing, partial(_attack, folder, waves), (run,)) for run in runs],
        ):
            with closing(run_groups(groups, workers)) as outcomes:
                for _, run, outcome in outcomes:
                    finished += 1
                    done(run.label, finished, total)
                    results.seconds += outcome.seconds
                    if outcome.error:
                        results.failures.append(f"{run.label}: {outcome.error}")
                    elif isinstance(outcome.value, Story):
                        results.story = outcome.value
                        results.kernel_time += outcome.value.kernel_time
                    else:
                        found[run] = outcome.value
                        results.kernel_time += outcome.value.kernel_time
            if not results.story.good:  # attacks have nothing to begin with
                break
    for attack in attacks:
        pair = [found.get(_Run(attack.name, control)) for control in (False, True)]
        if pair[0] is not None and pair[1] is not None:
            results.pairs.append(AttackPair(attack, pair[0], pair[1]))
    return results
