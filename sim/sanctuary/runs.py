"""All runs of the scenario, as independent processes, two at a time."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware.guests.attack import Attack
from firmware.guests.attacks import ATTACKS, BY_NAME
from sim.sanctuary.attack_run import run_attack
from sim.sanctuary.evidence import Evidence
from sim.sanctuary.interference import COMPANIES, Retired, retired_by_guest2
from sim.sanctuary.judge import Verdict, judge
from sim.sanctuary.sensitive import PLACES, Observed, observe
from sim.sanctuary.waves import draw_attack

__all__ = ["AttackPair", "Results", "run_all"]

_KEPT_STEPS = 0  # evidence goes home without its trace: the verdict quotes it


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
        """Tried and not achieved, while the allowed access worked and guest 2 answered as it should."""
        p = self.protected
        return p.attempted and not p.succeeded and p.allowed and p.answers_right

    @property
    def control_succeeded(self) -> bool:
        """Tried and achieved."""
        return self.control.attempted and self.control.succeeded

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
    cycles: int = 0


def _attack(name: str, control: bool, waves: Path | None) -> tuple[Evidence, Verdict]:
    attack = BY_NAME[name]
    evidence = run_attack(attack, (*attack.off_in_both, *((attack.control,) if control else ())))
    verdict = judge(evidence)
    if waves is not None and not control:
        draw_attack(waves, evidence, verdict.attempt)
    evidence.steps, evidence.exits, evidence.window = evidence.steps[:_KEPT_STEPS], [], b""
    return evidence, verdict


def _timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    start = time.process_time()
    return function(*arguments), time.process_time() - start


def _jobs(attacks: Sequence[Attack], waves: Path | None) -> Iterator[tuple[str, str, Callable[..., Any], tuple[Any, ...]]]:
    """Kind, label, function, arguments; the longest first."""
    for company in COMPANIES:
        yield "retired", f"guest 2 {company}", retired_by_guest2, (company,)
    for place in PLACES:
        yield "observed", f"17 instructions: {place}", observe, (place,)
    for attack in sorted(attacks, key=lambda a: not a.last):
        yield "attack", attack.name, _attack, (attack.name, False, waves)
        yield "attack", f"{attack.name} (control)", _attack, (attack.name, True, waves)


def run_all(
    attacks: Sequence[Attack] = ATTACKS,
    workers: int = 2,
    done: Callable[[str, int, int], None] = lambda label, number, total: None,
    waves: Path | None = None,
) -> Results:
    """Run everything; ``done(label, number, total)`` after each run. Waves of each attack are left in the folder ``waves``."""
    results = Results()
    found: dict[tuple[str, bool], tuple[Evidence, Verdict]] = {}
    jobs = list(_jobs(attacks, waves))
    with ProcessPoolExecutor(workers, max_tasks_per_child=None) as pool:
        futures: dict[Future[Any], int] = {}
        for number, (_, _, function, arguments) in enumerate(jobs):
            futures[pool.submit(_timed, function, *arguments)] = number
        pending, finished = set(futures), 0
        while pending:
            ready, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in ready:
                kind, label, _, arguments = jobs[futures[future]]
                finished += 1
                done(label, finished, len(jobs))
                try:
                    value, seconds = future.result()
                except Exception as error:
                    results.failures.append(f"{label}: {type(error).__name__}: {error}")
                    continue
                results.seconds += seconds
                if kind == "attack":
                    found[arguments[:2]] = value
                    results.cycles += value[0].cycles
                else:
                    (results.retired if kind == "retired" else results.observed).append(value)
                    results.cycles += value.cycles
    results.retired.sort(key=lambda r: COMPANIES.index(r.company))
    results.observed.sort(key=lambda o: PLACES.index(o.place))
    for attack in attacks:
        pair = [found.get((attack.name, control)) for control in (False, True)]
        if pair[0] is not None and pair[1] is not None:
            (evidence, protected), (control_evidence, control) = pair[0], pair[1]
            results.pairs.append(AttackPair(attack, protected, control, evidence, control_evidence))
    return results
