"""What the scenario found: ``report.json`` and ``report.html`` in the form of ``sanctuary``'s, and the table."""

import shutil
from collections import Counter
from pathlib import Path

from contracts.exit_codes import exit_name
from sim.bank.runs import AttackPair, Results
from sim.bank.story import Scene
from sim.outputs import write_output
from sim.sanctuary.html import html
from sim.sanctuary.picture_svg import svg
from sim.sanctuary.report import write_report
from sim.sanctuary.table import attack_table, console

__all__ = ["evidence_text", "passed", "report", "show", "write"]


def evidence_text(pair: AttackPair) -> str:
    """One line: the attempt, what it brought with the protection and without."""
    seen, without = (run.harm or run.found for run in (pair.protected, pair.control))
    return f"{pair.protected.attempt} | {seen} | without {pair.attack.control}: {without}"


def passed(results: Results, attacks: int) -> bool:
    """Whether everything is as promised."""
    whole = len(results.pairs) == attacks and not results.failures
    return whole and results.story.good and all(pair.as_promised for pair in results.pairs)


def _picture(number: int, scene: Scene) -> str:
    """Its file, beside the report."""
    return f"screens/{number:02}.png" if scene.picture else ""


def report(results: Results, attacks: int, waves: Path | None = None) -> dict[str, object]:
    """The content of ``report.json``."""
    exits: Counter[int] = Counter(results.story.exits)
    for pair in results.pairs:
        exits.update(pair.protected.exits)
    story, time = results.story, results.kernel_time
    return {
        "scenario": "bank",
        "passed": passed(results, attacks),
        "guests": story.guests,
        "stages": [
            {"name": s.name, "as_it_should": s.good, "text": s.text, "cycle": s.cycle, "screen": list(s.screen), "picture": _picture(n, s)}
            for n, s in enumerate(story.scenes, 1)
        ],
        "attacks": [
            {
                "name": p.attack.name, "by": p.attack.by.value, "text": p.attack.text, "blocked": p.blocked,
                "control_succeeded": p.control_succeeded, "control": p.attack.control, "off_in_both": list(p.attack.off_in_both),
                "evidence": evidence_text(p), "allowed_access_worked": bool(p.protected.allowed), "allowed_access": p.protected.allowed,
                "waves": p.protected.waves,
            }
            for p in results.pairs
        ],
        "failures": [*([story.failure] if story.failure else []), *results.failures],
        "cycles": time.cycles,
        "cycles_per_second": round(time.cycles / results.seconds) if results.seconds else 0,
        "kernel_time": {"of": "all runs", **time.report()},
        "waves": str(waves or ""),
        "exits": {exit_name(code): count for code, count in sorted(exits.items())},
    }  # fmt: skip


def write(folder: Path, content: dict[str, object], results: Results) -> tuple[Path, Path]:
    """``report.json``, ``report.html``, ``memory.svg`` and the screens; the paths of the first two."""
    path = write_report(folder, content)
    shutil.rmtree(folder / "screens", ignore_errors=True)
    (folder / "screens").mkdir()
    for number, scene in enumerate(results.story.scenes, 1):
        if name := _picture(number, scene):
            write_output(folder / name, scene.picture)
    picture = svg(results.story.picture) if results.story.picture is not None else ""
    if picture:
        write_output(folder / "memory.svg", picture)
    page = folder / "report.html"
    write_output(page, html(content, picture, "the second start, while the PIN is asked for"))
    return path, page


def show(results: Results, content: dict[str, object]) -> None:
    """Print the stages, then the table of attacks."""
    out = console()
    for scene in results.story.scenes:
        out.print(f"{'[green]ok[/]' if scene.good else '[bold red]NO[/]'} {scene.name}: " + scene.text.replace("[", "\\["))
    rows = [(p.attack.by.value, p.attack.name, p.blocked, p.control_succeeded, evidence_text(p)) for p in results.pairs]
    out.print(attack_table("bank", rows))
    failures = content["failures"]
    assert isinstance(failures, list)
    for failure in failures:
        out.print(f"[red]{failure}[/]")
    good = sum(p.as_promised for p in results.pairs)
    out.print(f"{good} of {len(results.pairs)} attacks as promised: {'PASSED' if content['passed'] else 'FAILED'}")
