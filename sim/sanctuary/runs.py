"""All runs of the scenario, each in a process of its own, two at a time; those that start alike are branches of one start."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path

from firmware.guests.attack import Attack, Needs
from firmware.guests.attacks import ATTACKS, BY_NAME
from sim.kernel_time import KernelTime
from sim.machine import Machine
from sim.sanctuary.attack_run import AttackRun
from sim.sanctuary.branches import preload
from sim.sanctuary.evidence import Evidence
from sim.sanctuary.groups import Group, run_groups
from sim.sanctuary.interference import COMPANIES, Retired, retired_by_guest2
from sim.sanctuary.judge import Verdict, judge
from sim.sanctuary.sensitive import PLACES, Observed, observe
from sim.sanctuary.started import Start, Started
from sim.sanctuary.waves import draw_attack

__all__ = ["AttackPair", "Kind", "Results", "Run", "begin", "run_all", "scenario"]

_KEPT_STEPS = 0  # evidence goes home without its trace: the verdict quotes it
_PARTS = 2  # for each worker: no group of runs is longer than this part of the whole, or some would have nothing to do at the end
_PRELOADED = ("sim.sanctuary.runs", "sim.machine_top")  # the circuits too: waves are drawn of their view


@dataclass(frozen=True)
class AttackPair:
    """An attack with all protections (but those that are off in both runs), and with one more switched off."""

    attack: Attack
    protected: Verdict
    control: Verdict
    evidence: Evidence
    control_evidence: Evidence

    @property
    def blocked(self) -> bool:
        """Tried and not achieved, while the allowed access worked, guest 1 lived and guest 2 answered as it should."""
        p = self.protected
        return p.attempted and not p.succeeded and p.allowed and p.lived and p.answers_right

    @property
    def control_succeeded(self) -> bool:
        """Tried and achieved; and where that has left a machine that runs, what is allowed works there too."""
        c = self.control
        return c.attempted and c.succeeded and (c.allowed or not c.runs_on)

    @property
    def as_promised(self) -> bool:
        """Both."""
        return self.blocked and self.control_succeeded


@dataclass
class Results:
    """Everything that the report tells."""

    pairs: list[AttackPair] = field(default_factory=list)
    retired: list[Retired] = field(default_factory=list)
    observed: list[Observed] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)  # runs that broke down
    seconds: float = 0.0  # of processors, all runs together
    cycles: int = 0  # that were simulated: a start that runs share counts once
    attacks_time: KernelTime = KernelTime()  # those of the attacks' runs, and what of them was the kernel's


class Kind(Enum):
    """What a run is of."""

    ATTACK = "attack"
    RETIRED = "guest 2 in company"
    OBSERVED = "17 instructions"


@dataclass(frozen=True)
class Run:
    """The order for one branch: what is to be run, and its name for people."""

    kind: Kind
    name: str
    label: str
    control: bool = False


@dataclass(frozen=True)
class _Attacked:
    evidence: Evidence
    verdict: Verdict
    begun: KernelTime  # when the shared start was over


def begin(start: Start) -> Started:
    """A machine of its own that has gone so far."""
    return Started(start, Machine())


def _attack(waves: Path | None, started: Started, run: Run) -> _Attacked:
    evidence = AttackRun(BY_NAME[run.name], started).run()
    verdict = judge(evidence)
    if waves is not None and not run.control:
        draw_attack(waves, evidence, verdict.attempt)
    evidence.steps, evidence.exits, evidence.window, evidence.after_reset = evidence.steps[:_KEPT_STEPS], [], b"", []
    return _Attacked(evidence, verdict, started.time)


def _nothing() -> None:
    """The start of what shares none."""


def _alone(_: None, run: Run) -> Retired | Observed:
    return retired_by_guest2(run.name) if run.kind is Kind.RETIRED else observe(run.name)


def scenario(attacks: Sequence[Attack], waves: Path | None, workers: int) -> Iterator[Group]:
    """All runs, the longest groups first; an order is the run's name and whether it is the control run, beside its label."""
    for company in COMPANIES:
        yield Group(_nothing, _alone, (Run(Kind.RETIRED, company, f"guest 2 {company}"),))
    for place in PLACES:
        yield Group(_nothing, _alone, (Run(Kind.OBSERVED, place, f"17 instructions: {place}"),))
    alike: defaultdict[Start, list[Run]] = defaultdict(list)
    for attack in sorted(attacks, key=lambda a: Needs.RESTART not in a.needs):  # the longest first
        alike[Start.of(attack, attack.off_in_both)].append(Run(Kind.ATTACK, attack.name, attack.name))
        control = Run(Kind.ATTACK, attack.name, f"{attack.name} (control)", control=True)
        alike[Start.of(attack, (*attack.off_in_both, attack.control))].append(control)
    longest = max(1, 2 * len(attacks) // (_PARTS * workers))
    for start, runs in sorted(alike.items(), key=lambda item: -len(item[1])):
        yield from Group(partial(begin, start), partial(_attack, waves), tuple(runs)).split(longest)


def run_all(
    attacks: Sequence[Attack] = ATTACKS,
    workers: int = 2,
    done: Callable[[str, int, int], None] = lambda label, number, total: None,
    waves: Path | None = None,
) -> Results:
    """Run everything; ``done(label, number, total)`` after each run. Waves of each attack are left in the folder ``waves``."""
    preload(_PRELOADED)
    results = Results()
    found: dict[tuple[str, bool], _Attacked] = {}
    starts: dict[Group, KernelTime] = {}
    groups = list(scenario(attacks, waves, workers))
    total, finished = sum(len(group.orders) for group in groups), 0
    with closing(run_groups(groups, workers)) as outcomes:
        for group, run, outcome in outcomes:
            finished += 1
            done(run.label, finished, total)
            results.seconds += outcome.seconds
            if outcome.error:
                results.failures.append(f"{run.label}: {outcome.error}")
            elif run.kind is Kind.ATTACK:
                found[run.name, run.control] = outcome.value
                starts[group] = outcome.value.begun
                results.attacks_time += outcome.value.evidence.kernel_time - outcome.value.begun
            else:
                results.cycles += outcome.value.cycles
                (results.retired if run.kind is Kind.RETIRED else results.observed).append(outcome.value)
    results.attacks_time = sum(starts.values(), results.attacks_time)
    results.cycles += results.attacks_time.cycles
    results.retired.sort(key=lambda r: COMPANIES.index(r.company))
    results.observed.sort(key=lambda o: PLACES.index(o.place))
    for attack in attacks:
        pair = [found.get((attack.name, control)) for control in (False, True)]
        if pair[0] is not None and pair[1] is not None:
            results.pairs.append(AttackPair(attack, pair[0].verdict, pair[1].verdict, pair[0].evidence, pair[1].evidence))
    return results
