"""Driving function units and reading them, with plain Python numbers."""

from collections.abc import Iterable, Iterator, Mapping
from random import Random

from amaranth.lib import wiring
from amaranth.sim import Simulator

from rtl.execute.operand import OperandWidth

__all__ = ["FLAGS", "WIDTHS", "Answer", "combinational", "flags_of", "operand"]

FLAGS = ("cf", "pf", "af", "zf", "sf", "of")
WIDTHS = {OperandWidth.BYTE: 8, OperandWidth.WORD: 16, OperandWidth.DWORD: 32}

Inputs = Mapping[str, object]


class Answer:
    """Result and flags of a unit; ``flags`` holds the defined ones only."""

    def __init__(self, result: int, flags: Mapping[str, int]) -> None:
        self.result = result
        self.flags = dict(flags)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Answer) and (self.result, self.flags) == (other.result, other.flags)

    def __repr__(self) -> str:
        return f"{self.result:#x} {self.flags}"


def flags_of(number: int) -> dict[str, int]:
    """The six flags from six bits."""
    return {name: number >> i & 1 for i, name in enumerate(FLAGS)}


def operand(rng: Random, bits: int) -> int:
    """A number with a liking for corners."""
    top = 1 << bits - 1
    corners = (0, 1, 2, top - 1, top, top + 1, 2 * top - 2, 2 * top - 1, rng.randrange(16), 1 << rng.randrange(bits))
    return rng.choice(corners) if rng.random() < 0.4 else rng.randrange(2 * top)


def combinational(unit: wiring.Component, cases: Iterable[Inputs]) -> Iterator[Answer]:
    """What a combinational unit answers to each case (values of its inputs by name; flags as dictionaries)."""
    answers: list[Answer] = []

    async def run(ctx):
        for case in cases:
            for name, value in case.items():
                ctx.set(getattr(unit, name), value)
            value, mask = ctx.get(unit.flags), ctx.get(unit.flags_mask)
            flags = {name: getattr(value, name) for name in FLAGS if getattr(mask, name)}
            answers.append(Answer(ctx.get(unit.result), flags))

    simulator = Simulator(unit)
    simulator.add_testbench(run)
    simulator.run()
    return iter(answers)
