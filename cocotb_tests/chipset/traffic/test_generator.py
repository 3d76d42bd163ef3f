"""What a traffic generator asks for, request by request, against the same in Python."""

import random

import pytest
from amaranth.sim import Simulator

from chipset.traffic.generator import RANDOM_WIDTHS, Direction, TrafficGenerator, next_random, seed_of
from cocotb_tests.chipset.traffic.plan_model import Line, PlanModel
from contracts.bus import BURST_WORDS

__all__: list[str] = []

SOURCE, TARGET = 0x4000_0000, 0x5000_0000
BITS = 9  # of an area: eight accesses, so that streams begin again
ACCESSES = 21
LIMIT = 4000  # cycles
DEEPEST = 40  # lines under way


class Memory:
    """Takes requests, each answered some time later, both as the dice fall."""

    def __init__(self, dut: TrafficGenerator, rng: random.Random) -> None:
        self.dut, self.rng = dut, rng
        self.lines: list[Line] = []
        self.due = 0  # lines to be answered

    async def take(self, ctx) -> None:
        bus, request = self.dut.bus, self.dut.bus.req
        beats: list[int] = []  # of the burst write that has begun
        while True:
            ready = self.rng.random() < 0.7 and self.due < DEEPEST
            ctx.set(bus.req_ready, ready)
            _, _, valid, address, write, last, mask, burst, data = await ctx.tick().sample(
                bus.req_valid, request.address, request.write, request.last, request.mask, request.burst, request.data
            )
            assert valid or not beats, "a burst write pauses"
            if not (valid and ready):
                continue
            assert mask == 0xF and burst
            beats.append(data)
            assert last == (not write or len(beats) == BURST_WORDS)
            if last:
                assert not write or beats == [address + 4 * n for n in range(BURST_WORDS)], "a word is its own address"
                beats.clear()
                self.lines.append(Line(address, bool(write)))
                self.due += 1

    async def answer(self, ctx) -> None:
        bus = self.dut.bus
        while True:
            now = self.due > 0 and self.rng.random() < 0.2
            ctx.set(bus.rsp_valid, now)
            ctx.set(bus.rsp.last, now)
            self.due -= now
            await ctx.tick()


def run(plan: dict, rounds: int, width: int, rng: random.Random) -> list[list[Line]]:
    """The lines of each round; done is seen only with the last answer."""
    dut = TrafficGenerator(1, random_width=width)
    memory = Memory(dut, rng)
    found: list[list[Line]] = []

    async def control(ctx) -> None:
        ctx.set(dut.plan, plan)
        ctx.set(dut.accesses, ACCESSES)
        for _ in range(rounds):
            assert ctx.get(dut.done)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            for _ in range(LIMIT):
                if ctx.get(dut.done):
                    break
                await ctx.tick()
            else:
                raise AssertionError("not done")
            assert memory.due == 0
            found.append(memory.lines.copy())
            memory.lines.clear()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(control)
    simulator.add_testbench(memory.take, background=True)
    simulator.add_testbench(memory.answer, background=True)
    simulator.run()
    return found


@pytest.mark.parametrize("at_random", [False, True], ids=["stream", "random"])
@pytest.mark.parametrize("direction", list(Direction))
def test_asks_for_what_the_plan_says(direction: Direction, at_random: bool, rng: random.Random) -> None:
    """Two rounds: streams begin anew, random numbers go on."""
    width = rng.choice(RANDOM_WIDTHS)
    plan = {"source": SOURCE, "target": TARGET, "bits": BITS, "random": at_random, "direction": direction}
    model = PlanModel(1, width)
    for lines in run(plan, 2, width, rng):
        assert lines == list(model.lines(plan, ACCESSES))


def test_random_numbers_have_a_full_period() -> None:
    """Of 16 bits, in which that can be tried; and generators begin at different places of it."""
    start = state = seed_of(0, 16)
    seen = {state}
    while (state := next_random(state, 16)) != start:
        seen.add(state)
    assert len(seen) == (1 << 16) - 1
    assert len({seed_of(n, width) for n in range(16) for width in RANDOM_WIDTHS}) == 32
