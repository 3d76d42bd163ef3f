"""QEMU runs every system program to its end, as often as asked with the same text; the table of corrections holds nothing stale."""

from collections.abc import Callable

import pytest

from sim.oracles import qemu
from sim.oracles.corrections import CORRECTIONS, text_differences, unused_corrections
from sim.oracles.qemu import QemuResult
from sim.programs.system import build_program, program_names

RESETS = {"triple"}
PROGRAMS = [(room, name) for room in ("system", "svm") for name in program_names(room)]


@pytest.mark.parametrize(("room", "name"), PROGRAMS)
def test_qemu_runs_it_to_the_end(room: str, name: str, judged: Callable[[str, str], QemuResult]) -> None:
    done = judged(room, name)
    assert "UNEXPECTED" not in done.text, done.text
    if name in RESETS:
        assert (done.status, done.text) == (0, f"{name}\n")
        return
    assert done.status == 1, done
    assert done.text.startswith(f"{name}\n")
    assert done.text.endswith("end\n")
    assert not unused_corrections(f"{room}/{name}", done.text)
    assert qemu.run(build_program(room, name).path).text == done.text


def test_corrections_name_programs() -> None:
    assert {row.program for row in CORRECTIONS} <= {f"{room}/{name}" for room, name in PROGRAMS}
    assert all(row.reason for row in CORRECTIONS)


def test_a_wrong_line_is_found() -> None:
    text = "selectors\nltr null: ok eax=0\nend\n"
    right = text.replace("ok", "#0d")
    assert list(text_differences("system/selectors", text, right)) == []
    assert list(text_differences("system/selectors", text, text))
    assert list(text_differences("system/selectors", text, right.replace("end\n", "")))
    assert list(text_differences("system/selectors", text, right + "more\n"))
    assert list(text_differences("system/selectors", text, right.replace("#0d", "#0b")))


def test_checks_against_the_manual_find_what_qemu_does_wrong() -> None:
    """QEMU as a machine with known faults: INT3, INTO, INVD, IOIO's details, next RIP, #DF, shadow on entry."""
    done = qemu.run(build_program("manual_svm", "exits").path)
    wrong = [line for line in done.text.splitlines() if line.startswith("WRONG")]
    for part in ("int3", "into", "invd", "outsb", "cpuid", "#DF", "one instruction later"):
        assert any(part in line for line in wrong), part
    assert done.status == 3


def test_what_is_missing_here_is_found_on_qemu() -> None:
    """The programs that hold what this machine lacks, on one that has it: a TSS to jump to, nested paging, virtual-8086 guests."""
    for room, parts in (
        ("manual", ("far jump to a TSS",)),
        ("manual_svm", ("task switches", "nested paging", "virtual-8086", "ASID")),
    ):
        wrong = [line for line in qemu.run(build_program(room, "missing").path).text.splitlines() if line.startswith("WRONG")]
        assert all(any(part in line for line in wrong) for part in parts), wrong
