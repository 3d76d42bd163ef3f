"""Whoever waits for the walker gets it, whatever others ask and in whatever order the bus lets them ask."""

from functools import cache
from itertools import product

import pytest
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect, flipped

from chipset.dma_policy.guard import Guard
from chipset.interconnect.dma_merge import DmaMerge
from cocotb_tests.chipset.bus_master import Compiled
from cocotb_tests.opened import Opened
from contracts.bus import BusSignature
from contracts.policy_map import Format
from contracts.requesters import DMA_FIRST

__all__: list[str] = []

MASTERS = 4
ANSWER = 3  # cycles from the read of the map to its answer
WALK = 16  # cycles for which the walker serves one access, until another's begins
PATIENCE = 30 * WALK
FLOODS, STREAMS = range(2)
STEADY = 60  # cycles after which the others are at it
PAGE = 0x1000
REGION = 32 * PAGE
VICTIM = 0x800_0000
MAP = 0x1000_0000  # words that decide for its own pages too are not kept
MAP_LENGTH = 0x2_0000  # bytes: all 4 GiB


class Bench(wiring.Component):
    """Masters, merge and guard; memory takes a beat every cycle and answers in the next, and the map admits everything."""

    def __init__(self, *, turns: bool) -> None:
        self._turns = turns
        super().__init__({"masters": In(BusSignature()).array(MASTERS)})

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.merge = merge = DmaMerge(MASTERS)
        m.submodules.guard = guard = self.guard = Guard(requesters=MASTERS, cached_words=1, formats={Format.UNIFORM})
        if not self._turns:
            checker = Opened(guard).open("checker")
            checker.module.d.sync += checker["waiting"].eq(0)  # it is forgotten who waits: whoever asks first is served
        for n in range(MASTERS):
            connect(m, flipped(self.masters[n]), merge.masters[n])
        connect(m, merge.out, guard.requests)
        under_way = Signal(ANSWER)
        m.d.comb += [
            merge.stalled.eq(guard.stalled), guard.out.ready.eq(1), guard.walk.ready.eq(1),
            guard.walk_answer_valid.eq(under_way[-1]), guard.walk_answer.data.eq(-1),
            guard.policy.enable.eq(1), guard.policy.maps[0].base.eq(MAP // 4), guard.policy.maps[0].length.eq(MAP_LENGTH // 4),
        ]  # fmt: skip
        m.d.sync += [guard.answered.eq(guard.out.valid & guard.out.ready), under_way.eq(Cat(guard.walk.valid, under_way))]
        return m


@cache
def compiled(turns: bool) -> Compiled:
    """One of each."""
    return Compiled(Bench(turns=turns))


def waits(*, floods: int, streams: int, victim: int, turns: bool) -> int:
    """Cycles that an access of master ``victim``, which the walker must see to, waits, at most ``PATIENCE``: while masters ``floods`` (a
    mask) ask for one page after the other, each of another region, and masters ``streams`` for one that the cache has.
    """
    circuit = compiled(turns)
    dut = circuit.component
    waited = PATIENCE

    async def bench(ctx) -> None:
        nonlocal waited
        asked = [0] * MASTERS
        start = None
        for master in dut.masters:
            ctx.set(master.req.last, 1)
        for cycle in range(STEADY + PATIENCE):
            for n, master in enumerate(dut.masters):
                if floods >> n & 1:
                    ctx.set(master.req_valid, 1)
                    ctx.set(master.req.address, n * PAGE + asked[n] % 2 * REGION)
                elif streams >> n & 1:
                    ctx.set(master.req_valid, 1)
                    ctx.set(master.req.address, n * PAGE)
                elif n == victim and cycle >= STEADY:
                    ctx.set(master.req_valid, start is None)
                    ctx.set(master.req.address, VICTIM)
            for n, master in enumerate(dut.masters):
                if ctx.get(master.req_valid) and ctx.get(master.req_ready):
                    asked[n] += 1
                    if n == victim:
                        start = cycle
            out = dut.guard.out
            if ctx.get(out.valid) and ctx.get(out.payload.request.requester) == DMA_FIRST + victim:
                assert start is not None
                waited = cycle - start
                return
            await ctx.tick()

    circuit.run(bench)
    return waited


def companies(victim: int) -> list[tuple[int, int]]:
    """Who floods and who streams beside the victim, as masks: every master does one of both, and at least one floods."""
    others = [1 << n for n in range(MASTERS) if n != victim]
    roles = product((FLOODS, STREAMS), repeat=len(others))
    masks = [tuple(sum(o for o, r in zip(others, role, strict=True) if r == kind) for kind in (FLOODS, STREAMS)) for role in roles]
    return [(floods, streams) for floods, streams in masks if floods]


@pytest.mark.parametrize("victim", range(MASTERS))
def test_everyone_has_a_turn(victim):
    """At worst it is asked when a walk has just begun, and all others come first once."""
    for floods, streams in companies(victim):
        waited = waits(floods=floods, streams=streams, victim=victim, turns=True)
        assert waited <= (floods.bit_count() + 1) * WALK, (floods, streams)


def test_without_turns_somebody_starves():
    """The control run: whom the bus lets ask first is served again and again."""
    found = [waits(floods=floods, streams=streams, victim=0, turns=False) for floods, streams in companies(0)]
    assert max(found) == PATIENCE
