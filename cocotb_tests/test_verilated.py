"""The same testbenches on Verilator and in Amaranth's simulator see the same in every cycle."""

from functools import cache, partial
from random import Random
from typing import Any

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from cocotb_tests import verilated
from sim.model import ModelSpec

__all__: list[str] = []

CYCLES = 200
WORDS = 8


class Request(data.Struct):
    """Of the sample."""

    address: range(WORDS)
    value: 7
    write: 1


class Sample(wiring.Component):
    """What a clock, a path without a register, a memory and a structure can be seen by."""

    request: In(Request)
    valid: In(1)
    ready: Out(1)
    taken: Out(Request)
    sum: Out(8)
    word: Out(7)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.words = words = memory.Memory(shape=7, depth=WORDS, init=range(WORDS))
        write, read = words.write_port(), words.read_port()
        m.d.comb += [
            self.ready.eq(self.valid & ~self.sum[0]), write.addr.eq(self.request.address), write.data.eq(self.request.value),
            write.en.eq(self.ready & self.request.write), read.addr.eq(self.request.address), self.word.eq(read.data),
        ]  # fmt: skip
        m.d.sync += self.sum.eq(self.sum + 1)
        with m.If(self.ready):
            m.d.sync += [self.taken.eq(self.request), self.sum.eq(self.sum + self.request.value)]
        return m


class Stage(verilated.Wrapped):
    """The sample, wrapped."""

    def __init__(self) -> None:
        self.sample = Sample()
        super().__init__(self.sample, [self.sample])


@cache
def wrapped() -> Stage:
    """The one whose signals the testbenches name."""
    return Stage()


SPEC = ModelSpec(f"{__name__}:Stage", rooms=("cocotb_tests/test_verilated.py", "cocotb_tests/verilated.py"))


def scripts(sample: Sample, seed: int, seen: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """One ahead, two that end and one behind them, which use all that a context has; ``seen`` tells what each saw and in which order."""

    async def early(ctx: Any) -> None:
        async for _, _, ready in ctx.tick().sample(sample.ready):
            seen.append(("early", ready, ctx.get(sample.taken)))

    async def master(ctx: Any) -> None:
        rng = Random(seed)
        for _ in range(CYCLES):
            ctx.set(sample.request, {"address": rng.randrange(WORDS), "value": rng.randrange(128), "write": rng.randrange(2)})
            ctx.set(sample.valid, rng.random() < 0.7)
            seen.append((ctx.get(sample.ready), ctx.get(sample.sum), ctx.get(sample.request.value)))
            if rng.random() < 0.2:
                ctx.set(sample.request.value, 1)
                ctx.set(sample.valid, 1)
                seen.append(await ctx.tick().sample(sample.word, sample.sum).until(sample.ready))
            elif rng.random() < 0.1:
                seen.append(await ctx.tick().sample(sample.sum).repeat(rng.randrange(1, 5)))
            else:
                seen.append(await ctx.tick().sample(sample.word, sample.taken))
            seen.append((ctx.get(sample.taken).value, ctx.get(sample.taken.address)))

    async def reader(ctx: Any) -> None:
        for _ in range(CYCLES):
            await ctx.tick()
            seen.append(("reader", ctx.get(sample.sum), ctx.get(sample.valid)))

    async def watch(ctx: Any) -> None:
        async for _, _, valid, word in ctx.tick().sample(sample.valid, sample.word):
            seen.append(("watch", valid, word, ctx.get(sample.taken)))

    return [early], [master, reader], [watch]


@pytest.mark.parametrize("part", range(3))
def test_both_simulators_show_the_same(seed: int, part: int) -> None:
    expected: list[Any] = []
    sample = Sample()
    simulator = Simulator(sample)
    simulator.add_clock(1e-6)
    ahead, benches, watchers = scripts(sample, seed, expected)
    for bench in (*ahead, *benches, *watchers):
        simulator.add_testbench(bench, background=bench not in benches)
    simulator.run()

    seen: list[Any] = []
    stage = wrapped()
    ahead, benches, watchers = scripts(stage.sample, seed, seen)
    verilated.simulate(SPEC, stage, *benches, ahead=ahead, background=watchers)
    assert len(seen) > 4 * CYCLES
    assert [repr(entry) for entry in seen] == [repr(entry) for entry in expected]


def test_an_error_of_a_testbench_comes_out_and_outputs_are_not_driven() -> None:
    stage = wrapped()

    async def bench(ctx: Any, signal: Any) -> None:
        await ctx.tick()
        ctx.set(signal, 1)
        raise ZeroDivisionError

    simulate = partial(verilated.simulate, SPEC, stage)
    with pytest.raises(ZeroDivisionError):
        simulate(partial(bench, signal=stage.sample.valid))
    with pytest.raises(AssertionError, match="output"):
        simulate(partial(bench, signal=stage.sample.ready))
    with pytest.raises(KeyError):
        simulate(partial(bench, signal=Signal()))
