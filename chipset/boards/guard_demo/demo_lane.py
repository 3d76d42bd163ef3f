"""One lane of the demonstration: its traffic, its memory, and what is counted."""

from enum import IntEnum

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.boards.guard_demo.layout import ATTACKS, HONEST, MAIN_BYTES, MAP, MEMORY_BYTES, PLANS, is_open, word_at
from chipset.boards.guard_demo.memory import DemoMemory
from chipset.memory_controller.controller import MIN_LATENCY
from chipset.traffic.generator import COUNT_WIDTH
from chipset.traffic.lane import TrafficLane
from chipset.traffic.owner import Extent
from contracts.memory_map import PAGE_SIZE
from contracts.policy_map import Format

__all__ = ["COUNTER_WIDTH", "Count", "DemoLane"]

COUNTER_WIDTH = 27  # what the report has digits for
_RANDOM_WIDTH = 16


class Count(IntEnum):
    """What is counted in a round. Lines have 16 bytes; words are told by what they hold, their own address."""

    ANSWERED = 0  # lines
    REFUSED = 1  # of those, with an error
    REACHED = 2  # lines of closed pages that were read or written in the memory
    OPEN_WORDS = 3  # words of open pages that a requester got
    CLOSED_WORDS = 4  # words of closed pages that a requester got
    CYCLES = 5  # until those had been answered that never attack


class DemoLane(wiring.Component):
    """A round begins with ``start`` and is over with ``done``.

    Parameters
    ----------
    main : as of ``DemoMemory``
    cached_map_words : as of ``MemoryFabric``: 0 is wires in the guard's place

    Members
    -------
    ready : Out(1), memory is filled and the policy in force
    start : In(1), accesses : In(24), done : Out(1): as of ``TrafficLane``; attack : In(1), constant in a round
    counts : Out(COUNTER_WIDTH) each, of ``Count``
    """

    def __init__(self, main: wiring.Component, *, cached_map_words: int) -> None:
        self._memory = DemoMemory(main)
        self._lane = TrafficLane(
            requesters=len(PLANS), memory_bytes=MEMORY_BYTES, latency=MIN_LATENCY, cached_map_words=cached_map_words,
            fill=[Extent(0, MAIN_BYTES), MAP.extent], maps=MAP, formats=(Format.UNIFORM,), random_width=_RANDOM_WIDTH,
            timed=HONEST, count_width=COUNTER_WIDTH,
        )  # fmt: skip
        super().__init__({
            "ready": Out(1), "start": In(1), "accesses": In(COUNT_WIDTH), "done": Out(1), "attack": In(1),
            "counts": Out(COUNTER_WIDTH).array(len(Count)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.lane = lane = self._lane
        m.submodules.memory = memory = self._memory
        wiring.connect(m, lane.ram, memory.port)
        m.d.comb += [
            lane.word.eq(word_at(lane.address)), self.ready.eq(lane.ready),
            lane.start.eq(self.start), lane.accesses.eq(self.accesses), self.done.eq(lane.done),
        ]  # fmt: skip
        for n, (mine, plan) in enumerate(zip(lane.plans, PLANS, strict=True)):
            m.d.comb += [mine[name].eq(value) for name, value in plan.items()]
            with m.If(self.attack):
                m.d.comb += [mine[name].eq(value) for name, value in ATTACKS.get(n, {}).items()]

        page_lsb, main_lsb = PAGE_SIZE.bit_length() - 1, MAIN_BYTES.bit_length() - 1
        of_main = lane.read_valid & (lane.read_data[main_lsb:] == 0)
        of_open = is_open(lane.read_data[page_lsb:main_lsb])
        m.d.comb += [
            self.counts[Count.ANSWERED].eq(lane.answered), self.counts[Count.REFUSED].eq(lane.refused),
            self.counts[Count.CYCLES].eq(lane.cycles),
        ]  # fmt: skip
        for count, happens in (
            (Count.REACHED, memory.reached), (Count.OPEN_WORDS, of_main & of_open), (Count.CLOSED_WORDS, of_main & ~of_open),
        ):  # fmt: skip
            counter = Signal(COUNTER_WIDTH, name=count.name.lower())
            with m.If(self.start):
                m.d.sync += counter.eq(0)
            with m.Elif(happens & ~lane.done):
                m.d.sync += counter.eq(counter + 1)
            m.d.comb += self.counts[count].eq(counter)
        return m
