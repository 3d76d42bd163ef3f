"""Bochs, the second oracle, runs the same programs: what it says must be what the machine is held to, but for its own declared table, so
that wherever QEMU is corrected by the manual's word, an implementation that nobody here wrote says so too."""

import re
from functools import cache

import pytest

from sim.machine import Ending
from sim.oracles import bochs, qemu
from sim.oracles.bochs_corrections import (
    BOCHS_CORRECTIONS,
    LEFT_OUT,
    STOPS,
    WRONG_CHECKS,
    stale_checks,
    undeclared_checks,
)
from sim.oracles.corrections import CORRECTIONS, expected_lines, line_differences, unused_corrections
from sim.programs.system import build_program, program_names

RESETS = {"system/triple", "manual_svm/shutdown"}
SHOWN = 20
PROGRAMS = [f"{room}/{name}" for room in ("system", "svm") for name in program_names(room)]
MANUAL = [f"{room}/{name}" for room in ("manual", "manual_svm") for name in program_names(room) if f"{room}/{name}" not in LEFT_OUT]


@cache
def on_bochs(program: str) -> bochs.BochsResult:
    return bochs.run(build_program(*program.split("/")).path)


@cache
def on_qemu(program: str) -> str:
    return qemu.run(build_program(*program.split("/")).path).text


def whole_lines(text: str) -> str:
    """Without the last line, if it has no end."""
    return text[: text.rfind("\n") + 1]


def right_lines(program: str) -> list[tuple[str, ...]]:
    """What the machine is held to, as far as Bochs goes."""
    lines = expected_lines(program, on_qemu(program))
    for stop in STOPS:
        if stop.program == program:
            return lines[: lines.index((stop.line,))]
    return lines


@pytest.mark.regress
@pytest.mark.parametrize("program", PROGRAMS)
def test_says_what_the_machine_must_say(program: str) -> None:
    done = on_bochs(program)
    stops = [stop for stop in STOPS if stop.program == program]
    text = whole_lines(done.text) if stops else done.text
    differences = list(line_differences(right_lines(program), expected_lines(program, text, BOCHS_CORRECTIONS)))
    assert not differences, "\n".join(differences[:SHOWN])
    assert not unused_corrections(program, text, BOCHS_CORRECTIONS)
    if stops:
        assert done.ending is stops[0].ending, stops[0].reason
    elif program in RESETS:
        assert done.ending is Ending.RESET
    else:
        assert (done.ending, done.status) == (Ending.EXIT, 1)


@pytest.mark.regress
def test_corrections_of_qemu_are_borne_out() -> None:
    """Each line that is corrected on QEMU is right on Bochs as it stands; the exceptions are declared, and none has become needless."""
    confirmed: set[str] = set()
    refuted: set[str] = set()
    for row in (row for row in CORRECTIONS if not row.either):
        said = on_bochs(row.program).text.splitlines()
        for n, line in enumerate(on_qemu(row.program).splitlines()):
            match = re.fullmatch(row.line, line)
            if match and n < len(said):
                (confirmed if said[n] == match.expand(row.right) else refuted).add(row.reason)
    assert refuted == {row.reason for row in CORRECTIONS if row.alone}
    assert confirmed | refuted == {row.reason for row in CORRECTIONS if not row.either}
    assert not confirmed & refuted


@pytest.mark.regress
@pytest.mark.parametrize("program", MANUAL)
def test_checks_against_the_manual(program: str) -> None:
    """What QEMU does wrong in other ways than a line: INT3, INTO, INVD, the next RIP, #DF, injection without an error code."""
    done = on_bochs(program)
    assert not undeclared_checks(program, done.text)
    assert not stale_checks(program, done.text)
    if program in RESETS:
        assert (done.ending, done.text) == (Ending.RESET, f"{program.split('/')[1]}\n")
        return
    assert done.text.endswith("end\n")
    wrong = any(row.program == program for row in WRONG_CHECKS)
    assert (done.ending, done.status) == (Ending.EXIT, 3 if wrong else 1)


@pytest.mark.regress
def test_a_run_that_hangs_is_no_exit() -> None:
    hasty = bochs.run(build_program("system", "selectors").path, timeout=0)
    assert (hasty.ending, hasty.status) == (Ending.LIMIT, None)


def test_tables_name_programs() -> None:
    programs = {row.program for row in BOCHS_CORRECTIONS} | {row.program for row in STOPS}
    assert programs <= set(PROGRAMS)
    assert {row.program for row in WRONG_CHECKS} <= set(MANUAL)
    reasons = [row.reason for row in BOCHS_CORRECTIONS] + [row.reason for row in STOPS] + [row.reason for row in WRONG_CHECKS]
    assert all(reasons)


def test_a_line_that_nobody_declared_is_found() -> None:
    assert undeclared_checks("manual_svm/exits", "WRONG, expected 1: something: 2\n")
    assert not undeclared_checks("manual_svm/exits", "WRONG, expected 408: its error code: 0\n")
    assert stale_checks("manual_svm/exits", "end\n")
    assert list(line_differences([("a", "b")], [("c",)]))
    assert not list(line_differences([("a", "b")], [("b", "c")]))
