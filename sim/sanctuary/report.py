"""What the scenario found: ``report.json``, and whether all is as promised."""

import json
from collections import Counter
from pathlib import Path

from sim.outputs import write_output
from sim.sanctuary.interference import same
from sim.sanctuary.runs import AttackPair, Results
from sim.sanctuary.sensitive import PLACES, differences, missing

__all__ = ["evidence_text", "passed", "report", "write_report"]


def evidence_text(pair: AttackPair) -> str:
    """One line: the attempt, what it brought with the protection and without."""
    return f"{pair.protected.attempt} | {pair.protected.found} | without {pair.attack.control}: {pair.control.found}"


def native_as_guest(results: Results) -> bool:
    """Whether the 17 instructions, each of which all three runs must tell of, behave in a guest as natively, and a kernel in ring 1 sees a
    difference."""
    seen = {o.place: o for o in results.observed}
    if set(seen) != set(PLACES) or any(map(missing, seen.values())):
        return False
    return not differences(seen["native"], seen["guest"]) and bool(differences(seen["native"], seen["ring 1"]))


def passed(results: Results, attacks: int) -> bool:
    """Whether everything is as promised."""
    whole = len(results.pairs) == attacks and not results.failures
    return whole and all(p.as_promised for p in results.pairs) and same(results.retired) and native_as_guest(results)


def guests(results: Results) -> list[dict[str, object]]:
    """Who ran in the attack runs, over all of them: name, images, where its memory lies in the machine's, devices that it was given."""
    found: dict[str, tuple[set[str], set[str], set[str]]] = {}
    for pair in results.pairs:
        for guest in (*pair.evidence.guests, *pair.control_evidence.guests):
            images, memory, devices = found.setdefault(guest.name, (set(), set(), set()))
            images.add(guest.image)
            memory.add(f"{guest.memory >> 20} MiB from {guest.base:#x}")
            devices.update(guest.devices)
    return [
        {"name": name, "images": sorted(images), "memory": ", ".join(sorted(memory)), "devices": sorted(devices)}
        for name, (images, memory, devices) in sorted(found.items())
    ]


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
        "guests": guests(results),
        "attacks": [
            {
                "name": p.attack.name, "text": p.attack.text, "blocked": p.blocked, "control_succeeded": p.control_succeeded,
                "control": p.attack.control, "off_in_both": list(p.attack.off_in_both), "evidence": evidence_text(p),
                "answers_right": p.protected.answers_right, "allowed_access_worked": p.protected.allowed,
                "allowed_access": p.protected.access,
                "guest_1_lived": p.protected.lived, "guest_1_life": p.protected.life,
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
