"""The same programs on the simulated machine: system behaviour and ring -1 say what QEMU says, but for the declared corrections; and what
no oracle does right is held against the manual."""

from collections.abc import Callable

import pytest

from sim.machine import Ending
from sim.oracles import rtl
from sim.oracles.corrections import text_differences
from sim.oracles.qemu import QemuResult
from sim.programs.system import build_program, program_names

RESETS = {"triple", "shutdown"}
SHOWN = 20


@pytest.mark.parametrize(("room", "name"), [(room, name) for room in ("system", "svm") for name in program_names(room)])
def test_says_what_qemu_says(room: str, name: str, judged: Callable[[str, str], QemuResult]) -> None:
    done = rtl.run(build_program(room, name).path)
    differences = list(text_differences(f"{room}/{name}", judged(room, name).text, done.text))
    assert not differences, "\n".join(differences[:SHOWN])
    if name in RESETS:
        assert done.ending is Ending.RESET
    else:
        assert (done.ending, done.outcome.status) == (Ending.EXIT, 1)


@pytest.mark.parametrize(("room", "name"), [(room, name) for room in ("manual", "manual_svm") for name in program_names(room)])
def test_does_what_the_manual_says(room: str, name: str) -> None:
    done = rtl.run(build_program(room, name).path)
    assert "WRONG" not in done.text, done.text
    if name in RESETS:
        assert (done.ending, done.text) == (Ending.RESET, f"{name}\n")
        return
    assert done.text.endswith("wrong: 0\nend\n"), done.text
    assert (done.ending, done.outcome.status) == (Ending.EXIT, 1)
