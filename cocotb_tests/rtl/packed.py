"""Driving a unit by one packed word a case: fast enough in Amaranth's simulator to try all of its inputs."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from amaranth.hdl import Cat, Module, Shape, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In
from amaranth.sim import Simulator

__all__ = ["Bench", "evaluate", "simulate", "unpack"]

Inputs = Mapping[str, Any]


def _number(shape: Any, value: Any) -> int:
    """The bits of a value: a number, an enum, or a mapping for a structure."""
    if isinstance(value, Mapping):
        layout = data.Layout.cast(shape)
        return sum(
            (_number(layout[name].shape, v) & (1 << layout[name].width) - 1) << layout[name].offset for name, v in value.items()
        )  # fmt: skip
    return int(getattr(value, "value", value))


def unpack(shape: Any, packed: int) -> dict[str, int]:
    """The members of a structure, each as a number."""
    return {str(name): packed >> field.offset & (1 << field.width) - 1 for name, field in data.Layout.cast(shape)}


class Bench:
    """A unit, its inputs and outputs by name (``port.member`` where they are nested). Inputs that a case does not name are 0."""

    def __init__(self, unit: wiring.Component) -> None:
        self.module = Module()
        self.module.submodules.unit = unit
        self._inputs: dict[str, tuple[int, int, Any]] = {}
        self._outputs: dict[str, tuple[int, int]] = {}
        sides: dict[bool, list[Value]] = {True: [], False: []}
        at = {True: 0, False: 0}
        for path, member, value in unit.signature.flatten(unit):
            name, width, is_input = ".".join(str(p) for p in path), Shape.cast(member.shape).width, member.flow == In
            if is_input:
                self._inputs[name] = (at[True], width, member.shape)
            else:
                self._outputs[name] = (at[False], width)
            sides[is_input].append(Value.cast(value))
            at[is_input] += width
        self._in, self._out = Signal(at[True]), Signal(at[False])
        self.module.d.comb += [Cat(*sides[True]).eq(self._in), self._out.eq(Cat(*sides[False]))]
        self.ctx: Any = None

    def set(self, inputs: Inputs) -> dict[str, int]:
        """Applies inputs; what the outputs then are."""
        word = 0
        for name, value in inputs.items():
            offset, width, shape = self._inputs[name]
            word |= (_number(shape, value) & (1 << width) - 1) << offset
        self.ctx.set(self._in, word)
        word = self.ctx.get(self._out)
        return {name: word >> offset & (1 << width) - 1 for name, (offset, width) in self._outputs.items()}

    async def cycle(self, **inputs: Any) -> dict[str, int]:
        """One clock cycle with these inputs; the outputs before its edge. Nested names have ``__`` for the dot."""
        outputs = self.set({name.replace("__", "."): value for name, value in inputs.items()})
        await self.ctx.tick()
        return outputs


def evaluate(unit: wiring.Component, cases: Iterable[Inputs], *, clocked: bool = False) -> list[dict[str, int]]:
    """What a combinational unit answers to each case. ``clocked``: it has registers too, which are left as reset."""
    bench = Bench(unit)
    answers: list[dict[str, int]] = []

    async def run(ctx: Any) -> None:
        bench.ctx = ctx
        answers.extend(bench.set(case) for case in cases)

    simulator = Simulator(bench.module)
    if clocked:
        simulator.add_clock(1e-6)
    simulator.add_testbench(run)
    simulator.run()
    return answers


def simulate(unit: wiring.Component, program: Callable[[Bench], Awaitable[None]]) -> None:
    """Runs ``program`` with the unit under a clock."""
    bench = Bench(unit)

    async def run(ctx: Any) -> None:
        bench.ctx = ctx
        await program(bench)

    simulator = Simulator(bench.module)
    simulator.add_clock(1e-6)
    simulator.add_testbench(run)
    simulator.run()
