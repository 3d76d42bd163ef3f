"""The demonstration as a whole: what it says on its serial line is what Python works out, and without the guard it says so."""

from cocotb_tests.chipset.boards.guard_demo.said import assert_guarded, expected, listen
from cocotb_tests.serial_line import SerialLine
from sim.model import Model, ModelSpec, build_model

__all__: list[str] = []

BIT_CYCLES = 8
ACCESSES = 64
ROUNDS = 3  # peace, an attack, peace
ROOMS = ("contracts", "chipset", "sim/fpga/design.py")


def demo(guarded: bool) -> Model:
    arguments = {"bit_cycles": BIT_CYCLES, "accesses": ACCESSES, "guarded": guarded}
    return Model(build_model(ModelSpec("sim.fpga.design:demo_in_simulation", arguments, rooms=ROOMS)))


def test_peace_and_attack() -> None:
    """The green light is lit once both have passed."""
    with demo(guarded=True) as model:
        serial = SerialLine(model, bit_cycles=BIT_CYCLES)
        for number, wanted in enumerate(expected(ROUNDS, ACCESSES), start=1):
            assert_guarded(listen(serial), number, wanted)
            assert (model.get("passed"), model.get("failed")) == (number > 1, 0)


def test_without_the_guard_it_says_so() -> None:
    """The control run: wires in the guard's place. Peace passes; the attack reaches what is closed, and the red light stays lit."""
    with demo(guarded=False) as model:
        serial = SerialLine(model, bit_cycles=BIT_CYCLES)
        for number, wanted in enumerate(expected(ROUNDS, ACCESSES), start=1):
            said = listen(serial)
            assert said.rows["lines refused"] == (0, 0)
            assert said.rows["closed lines reached"] == (wanted.closed, wanted.closed)
            assert said.rows["closed words read"] == (wanted.closed_words, wanted.closed_words)
            assert said.passed == (not said.attackers) == (number != 2)
            assert (model.get("passed"), model.get("failed")) == (0, number > 1)
