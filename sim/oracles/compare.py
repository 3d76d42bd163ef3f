"""Compares what a machine left behind with what it must; reduces a failing case; keeps it."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sim.oracles.undefined import ORACLE_ERRORS, flag_mask
from sim.programs.case import GPR_NAMES, NO_VECTOR, SEGMENT_NAMES, Case, Flag, Mode, Result
from sim.programs.lockstep_image import LockstepImage

__all__ = ["Failure", "compare", "difference", "load_regressions", "reduce_case", "save_regression"]

_FRAME = {Mode.PROTECTED_32: 16, Mode.REAL_16: 6, Mode.USER_32: 0}  # bytes below the stack pointer that an exception may write
_REAL_FLAGS = 0xFFFF  # what an exception in real mode saves
Run = Callable[[Sequence[Case]], list[tuple[Result, Result]]]  # cases to (expected, actual)


@dataclass(frozen=True)
class Failure:
    """A case that went wrong, and how."""

    case: Case
    differences: tuple[str, ...]

    def __str__(self) -> str:
        return "\n  ".join([self.case.describe(), *self.differences])


def _flags(value: int) -> str:
    names = ("CF", "PF", "AF", "ZF", "SF", "TF", "IF", "DF", "OF", "NT", "RF", "VM", "AC", "ID")
    return "+".join(n for n in names if value & getattr(Flag, n)) or "none"


def difference(case: Case, expected: Result, actual: Result) -> Iterator[str]:
    """Each difference as a line; nothing if the case is right or the oracle is known to be wrong about it."""
    if any(row.matches(case) for row in ORACLE_ERRORS):
        return
    if expected.vector != actual.vector:
        yield f"exception: expected {_vector(expected.vector)}, got {_vector(actual.vector)}"
        return
    for name, want, got in zip(GPR_NAMES, expected.gprs, actual.gprs, strict=True):
        if want != got:
            yield f"{name}: expected {want:08x}, got {got:08x}"
    trapped = expected.vector != NO_VECTOR
    mask = flag_mask(case) & (_REAL_FLAGS if trapped and case.mode is Mode.REAL_16 else 0xFFFF_FFFF)
    wrong = (expected.eflags ^ actual.eflags) & mask
    if wrong:
        yield f"eflags: expected {expected.eflags & mask:08x}, got {actual.eflags & mask:08x}: {_flags(wrong)}"
    for name, want, got in zip(SEGMENT_NAMES, expected.selectors, actual.selectors, strict=True):
        if want != got:
            yield f"{name}: expected {want:04x}, got {got:04x}"
    if trapped and expected.eip != actual.eip:
        yield f"saved eip: expected {expected.eip:08x}, got {actual.eip:08x}"
    yield from _memory(case, expected, actual, trapped)


def _vector(number: int) -> str:
    return "none" if number == NO_VECTOR else str(number)


def _memory(case: Case, expected: Result, actual: Result, trapped: bool) -> Iterator[str]:
    ignored = range(0)
    if trapped:
        limit = 0xFFFF if case.mode is Mode.REAL_16 else 0xFFFF_FFFF
        top = case.segments["ss"][1] + (expected.gprs[4] & limit) - case.window_address
        ignored = range(top - _FRAME[case.mode], top)
    for n, (want, got) in enumerate(zip(expected.window, actual.window, strict=True)):
        if want != got and n not in ignored:
            yield f"memory {case.window_address + n:#x}: expected {want:02x}, got {got:02x} (before {case.window[n]:02x})"


def compare(image: LockstepImage, expected: Sequence[Result], read: Callable[[int, int], bytes]) -> list[Failure]:
    """The failures of a run; ``read(address, length)`` reads physical memory after it."""
    failures = []
    for case, want in zip(image.cases, expected, strict=True):
        lines = tuple(difference(case, want, image.result(case, read)))
        if lines:
            failures.append(Failure(case, lines))
    return failures


def _simpler(case: Case) -> Iterator[Case]:
    """Variants of a case with less in them: a register, a flag or half of the window zero."""
    for n, value in enumerate(case.gprs):
        if value and n != 4:
            yield replace(case, gprs=(*case.gprs[:n], 0, *case.gprs[n + 1 :]))
            if value >> 16:
                yield replace(case, gprs=(*case.gprs[:n], value & 0xFFFF, *case.gprs[n + 1 :]))
    for bit in range(32):
        if case.eflags >> bit & 1 and bit != 1:
            yield replace(case, eflags=case.eflags & ~(1 << bit))
    size = len(case.window)
    for part in (size, size // 2, size // 8, 8):
        for first in range(0, size, part):
            if any(case.window[first : first + part]):
                yield replace(case, window=case.window[:first] + bytes(part) + case.window[first + part :])


def reduce_case(case: Case, run: Run, rounds: int = 200) -> Failure:
    """The simplest case found that still fails. ``run`` executes cases one image each, on oracle and machine."""
    ((want, got),) = run([case])
    best = Failure(case, tuple(difference(case, want, got)))
    if not best.differences:
        raise ValueError("the case does not fail alone")
    for _ in range(rounds):
        for variant in _simpler(best.case):
            try:
                ((want, got),) = run([variant])
            except RuntimeError:  # the simpler case leaves its window: unicorn refuses it
                continue
            lines = tuple(difference(variant, want, got))
            if lines:
                best = Failure(variant, lines)
                break
        else:
            return best
    return best


def save_regression(path: Path, failure: Failure, note: str) -> None:
    """Add a case to the file of regressions."""
    rows = json.loads(path.read_text()) if path.exists() else []
    rows.append({"note": note, "case": failure.case.to_json()})
    path.write_text(json.dumps(rows, indent=1) + "\n")


def load_regressions(path: Path) -> list[Case]:
    """The kept cases."""
    return [Case.from_json(row["case"]) for row in json.loads(path.read_text())] if path.exists() else []
