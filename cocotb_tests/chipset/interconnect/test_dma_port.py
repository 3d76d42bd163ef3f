"""Where a DMA master attaches: an honest burst passes as it is, at a beat a cycle; a dishonest one is held to what a burst is."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from chipset.interconnect.dma_port import DmaPort
from cocotb_tests.chipset.bus_master import simulate
from contracts.bus import BURST_WORDS, Authority, Space
from contracts.requesters import Requester

__all__: list[str] = []

LINE = 0x1230
HONEST = [
    {"address": LINE + 4 * n, "write": 1, "burst": 1, "last": n == BURST_WORDS - 1, "data": n, "mask": 0xF} for n in range(BURST_WORDS)
]


@dataclass(frozen=True)
class Out:
    """A beat that has left the port, and when."""

    cycle: int
    address: int
    mask: int
    data: int
    last: bool
    requester: int


def passed(beats: Sequence[dict[str, int] | None], rng=None) -> list[Out]:
    """What leaves when a master says that; None is a cycle of silence. Memory is ready always, or at random."""
    dut = DmaPort(1)
    left: list[Out] = []

    async def bench(ctx):
        queue, cycle = list(beats), 0
        while queue or cycle < 40:
            beat = queue[0] if queue else None
            ctx.set(dut.master.req_valid, beat is not None)
            if beat is not None:
                ctx.set(dut.master.req, {"space": Space.MEMORY, "authority": Authority.RING_MINUS_1, "lock": 1, "requester": 0} | beat)
            ready = rng is None or rng.random() < 0.5
            ctx.set(dut.out.ready, ready)
            _, _, taken, valid, out = await ctx.tick().sample(dut.master.req_ready, dut.out.valid, dut.out.payload)
            if queue and (beat is None or taken):
                queue.pop(0)
            if valid and ready:
                assert out.space == Space.MEMORY
                assert out.authority == Authority.GUEST
                assert out.lock == 0
                left.append(Out(cycle, out.address, out.mask, out.data, bool(out.last), out.requester))
            cycle += 1

    simulate(dut, bench)
    return left


@pytest.mark.parametrize("hindered", [False, True])
def test_an_honest_burst_passes_as_it_is(rng, hindered):
    left = passed(HONEST * 3, rng if hindered else None)
    assert [(b.address, b.mask, b.data, b.last, b.requester) for b in left] == [
        (LINE + 4 * n, 0xF, n, n == BURST_WORDS - 1, Requester.DMA1) for n in range(BURST_WORDS)
    ] * 3
    if not hindered:
        assert [b.cycle for b in left] == list(range(1, 1 + 3 * BURST_WORDS))


@pytest.mark.parametrize("hindered", [False, True])
@pytest.mark.parametrize("given", [1, 2, 3])
def test_a_burst_that_pauses_is_ended_by_a_beat_that_writes_nothing(rng, given, hindered):
    left = passed([*HONEST[:given], *[None] * 20], rng if hindered else None)
    assert len(left) == given + 1
    assert [b.address for b in left] == [LINE + 4 * n for n in range(given + 1)]
    assert [b.last for b in left] == [False] * given + [True]
    assert [b.mask for b in left] == [0xF] * given + [0]


def test_beats_that_come_late_are_a_request_of_their_own():
    left = passed([HONEST[0], None, None, HONEST[1] | {"address": 0x5678, "burst": 0}])
    assert [(b.address, b.mask, b.last) for b in left] == [(LINE, 0xF, False), (LINE + 4, 0, True), (0x5678, 0xF, True)]


def test_a_burst_ends_after_four_beats_whoever_says_otherwise():
    left = passed([beat | {"last": 0} for beat in HONEST * 2])
    assert [b.last for b in left] == [n % BURST_WORDS == BURST_WORDS - 1 for n in range(2 * BURST_WORDS)]


@pytest.mark.parametrize("write", [0, 1])
def test_what_is_no_burst_write_has_one_beat(write):
    left = passed([{"address": 0x2000, "write": write, "burst": 1 - write, "last": 0, "mask": 0xF}] * 3)
    assert [b.last for b in left] == [True] * 3


def test_later_beats_go_where_the_first_one_says():
    lies = [{"address": 0x9999_0000 + 64 * n, "write": n == 0, "burst": n == 0, "last": n == BURST_WORDS - 1, "mask": 0xF}
            for n in range(BURST_WORDS)]  # fmt: skip
    left = passed([lies[0] | {"address": LINE + 8}, *lies[1:]])
    assert [b.address for b in left] == [LINE + 4 * n for n in range(BURST_WORDS)]
