"""What the scenario found: ``report.json``, and whether all is as promised."""

import json
from collections import Counter
from pathlib import Path

from sim.outputs import write_output
from sim.sanctuary.interference import same
from sim.sanctuary.runs import AttackPair, Results
from sim.sanctuary.sensitive import differences

__all__ = ["evidence_text", "passed", "report", "write_report"]


def evidence_text(pair: AttackPair) -> str:
    """One line: the attempt, what it brought with the protection and without."""
    return f"{pair.protected.attempt} | {pair.protected.found} | without {pair.attack.control}: {pair.control.found}"


def native_as_guest(results: Results) -> bool:
    """Whether the 17 instructions behave in a guest as natively, and a kernel in ring 1 sees a difference."""
    seen = {o.place: o for o in results.observed}
    if len(seen) < 3 or not seen["native"].lines:
        return False
    return not differences(seen["native"], seen["guest"]) and bool(differences(seen["native"], seen["ring 1"]))


def passed(results: Results, attacks: int) -> bool:
    """Whether everything is as promised."""
    whole = len(results.pairs) == attacks and not results.failures
    return whole and all(p.as_promised for p in results.pairs) and same(results.retired) and native_as_guest(results)


def _window(waves: Path, name: str) -> str:
    return f"{name}.vcd" if (waves / f"{name}.vcd").exists() else ""


def report(results: Results, attacks: int, waves: Path) -> dict[str, object]:
    """The content of ``report.json``."""
    exits: Counter[str] = Counter()
    for pair in results.pairs:
        exits.update(pair.evidence.exit_counts)
    seen = {o.place: o for o in results.observed}
    return {
        "passed": passed(results, attacks),
        "guests": [
            {"name": "guest 1", "images": ["mass_market", "attacker", "sensitive"], "memory": "one to one from 0"},
            {"name": "guest 2", "images": ["trusted"], "memory": "at an offset"},
        ],
        "attacks": [
            {
                "name": p.attack.name, "text": p.attack.text, "blocked": p.blocked, "control_succeeded": p.control_succeeded,
                "control": p.attack.control, "off_in_both": list(p.attack.off_in_both), "evidence": evidence_text(p),
                "answers_right": p.protected.answers_right, "allowed_access_worked": p.protected.allowed,
                "waves": _window(waves, p.attack.name),
            }
            for p in results.pairs
        ],
        "no_interference": {
            "same": same(results.retired),
            "runs": [{"company": r.company, "instructions": r.instructions, "digest": r.digest, "answers_right": r.right}
                     for r in results.retired],
        },
        "seventeen_instructions": {
            "guest_as_native": native_as_guest(results),
            "guest_differs": differences(seen["native"], seen["guest"]) if "guest" in seen and "native" in seen else None,
            "ring_1_differs": differences(seen["native"], seen["ring 1"]) if "ring 1" in seen and "native" in seen else None,
        },
        "failures": results.failures,
        "cycles": results.cycles,
        "cycles_per_second": round(results.cycles / results.seconds) if results.seconds else 0,
        "kernel_time": {"of": "the attacks' runs, a start that runs share counted once", **results.attacks_time.report()},
        "exits": dict(sorted(exits.items())),
        "waves": str(waves),
    }  # fmt: skip


def write_report(folder: Path, content: dict[str, object]) -> Path:
    """Write it; the file's path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.json"
    write_output(path, json.dumps(content, indent=2) + "\n")
    return path
