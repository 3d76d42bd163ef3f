"""The guard alone, cycle by cycle: no cycle for a hit, one walk for a miss, answers in bounded time, bursts judged once."""

import pytest

from chipset.dma_policy.guard import Guard
from cocotb_tests.chipset.bus_master import simulate
from contracts.requesters import DMA_FIRST

__all__: list[str] = []

MAP = 0x8000
WALK = 6  # cycles from the taken walk to its answer


class Around:
    """Everything around a guard, as plain signals."""

    def __init__(self, ctx, dut: Guard) -> None:
        self.ctx = ctx
        self.dut = dut

    def policy(self, *, enable: int = 1, fmt: int = 0, base: int = MAP, length: int = 64) -> None:
        policy = self.dut.policy
        self.ctx.set(policy.enable, enable)
        self.ctx.set(policy.map_format, fmt)
        for n in range(2):
            self.ctx.set(policy.maps[n].base, base // 4)
            self.ctx.set(policy.maps[n].length, length // 4)

    def offer(self, address: int, *, write: int = 0, burst: int = 0, last: int = 1, requester: int = 0, data: int = 0) -> None:
        request = self.dut.requests
        self.ctx.set(request.valid, 1)
        for name, value in {"address": address, "write": write, "burst": burst, "last": last, "data": data,
                            "requester": DMA_FIRST + requester, "mask": 15}.items():  # fmt: skip
            self.ctx.set(getattr(request.payload, name), value)

    def silence(self) -> None:
        self.ctx.set(self.dut.requests.valid, 0)

    def store(self, word: int, value: int, mask: int = 15) -> None:
        written = self.dut.written
        self.ctx.set(written.valid, 1)
        self.ctx.set(written.word, word // 4)
        self.ctx.set(written.data, value)
        self.ctx.set(written.mask, mask)

    @property
    def out(self) -> tuple[int, int]:
        """Whether a request leaves, and its verdict."""
        return self.ctx.get(self.dut.out.valid), self.ctx.get(self.dut.out.payload.admitted)

    async def answer_walk(self, word: int, error: int = 0) -> int:
        """Takes the walk and answers it; the address that was read."""
        ctx, dut = self.ctx, self.dut
        for _ in range(10):
            if ctx.get(dut.walk.valid):
                break
            await ctx.tick()
        else:
            raise AssertionError("no walk")
        address = ctx.get(dut.walk.payload.request.address)
        ctx.set(dut.walk.ready, 1)
        await ctx.tick()
        ctx.set(dut.walk.ready, 0)
        await ctx.tick().repeat(WALK - 1)
        ctx.set(dut.walk_answer_valid, 1)
        ctx.set(dut.walk_answer.data, word)
        ctx.set(dut.walk_answer.error, error)
        await ctx.tick()
        ctx.set(dut.walk_answer_valid, 0)
        return address

    async def leave(self) -> None:
        """The request that is out is taken, and answered."""
        self.ctx.set(self.dut.out.ready, 1)
        await self.ctx.tick()
        self.ctx.set(self.dut.out.ready, 0)
        self.ctx.set(self.dut.answered, 1)
        await self.ctx.tick()
        self.ctx.set(self.dut.answered, 0)


def with_guard(program, entries: int = 2) -> None:
    dut = Guard(requesters=2, cached_words=entries)

    async def bench(ctx):
        around = Around(ctx, dut)
        await program(ctx, dut, around)

    simulate(dut, bench)


def test_a_hit_takes_as_long_as_no_guard():
    async def program(ctx, dut, around):
        ctx.set(dut.out.ready, 1)
        around.policy(enable=0)
        around.offer(0x1000)
        await ctx.tick()
        assert around.out == (1, 1)  # the cycle after it came, and a request a cycle from then on
        around.policy()
        await ctx.tick()
        around.silence()
        await around.answer_walk(0b10)
        await ctx.tick().repeat(3)
        for page in (1, 0, 1, 1, 0):
            around.offer(page << 12)
            await ctx.tick()
            assert around.out == (1, page)

    with_guard(program)


def test_the_right_word_is_read_once():
    async def program(ctx, dut, around):
        around.policy()
        around.offer(0x0004_5000)  # page 69: bit 5 of word 2
        await ctx.tick()
        around.silence()
        assert around.out[0] == 0
        assert await around.answer_walk(1 << 5) == MAP + 8
        assert around.out == (1, 1)
        await around.leave()
        around.offer(0x0004_6000)
        await ctx.tick()
        around.silence()
        assert around.out == (1, 0)

    with_guard(program)


@pytest.mark.parametrize("when", ["before the answer", "with the answer", "after the answer", "when cached"])
def test_a_store_counts_at_once(when):
    async def program(ctx, dut, around):
        around.policy()
        around.offer(0x1000)
        await ctx.tick()
        around.silence()
        while not ctx.get(dut.walk.valid):
            await ctx.tick()
        ctx.set(dut.walk.ready, 1)
        await ctx.tick()
        ctx.set(dut.walk.ready, 0)
        for moment in ("before the answer", "with the answer", "after the answer"):
            if moment == "with the answer":
                ctx.set(dut.walk_answer_valid, 1)
                ctx.set(dut.walk_answer.data, 0b10)
            if moment == when:
                around.store(MAP, 0, mask=1)
            await ctx.tick()
            ctx.set(dut.written.valid, 0)
            ctx.set(dut.walk_answer_valid, 0)
        if when == "when cached":
            assert around.out == (1, 1)
            around.store(MAP, 0, mask=1)
            await ctx.tick()
            ctx.set(dut.written.valid, 0)
        assert around.out == (1, 0)
        await around.leave()
        around.offer(0x1000)  # and for the next one
        await ctx.tick()
        around.silence()
        if not around.out[0]:
            await around.answer_walk(0)
        assert around.out == (1, 0)

    with_guard(program)


def test_bounded_while_the_map_is_written_all_the_time():
    async def program(ctx, dut, around):
        around.policy()
        around.offer(0x1000)
        await ctx.tick()
        around.silence()
        around.store(MAP, 0b10)  # in every cycle
        await around.answer_walk(0)
        assert around.out == (1, 1)
        await ctx.tick().repeat(5)
        assert around.out == (1, 1)
        await around.leave()

    with_guard(program)


def test_a_failed_walk_refuses_and_is_tried_again():
    async def program(ctx, dut, around):
        around.policy()
        for error in (1, 0):
            around.offer(0x1000)
            await ctx.tick()
            around.silence()
            await around.answer_walk(0xFFFF_FFFF, error)
            assert around.out == (1, 1 - error)
            await around.leave()

    with_guard(program)


def test_a_burst_is_judged_once_and_stays_in_its_line():
    async def program(ctx, dut, around):
        around.policy()
        ctx.set(dut.out.ready, 1)
        seen = []
        around.offer(0x1000)
        await ctx.tick()
        around.silence()
        await around.answer_walk(0b10)
        await ctx.tick()
        # A master that lies about the later beats of a burst: other pages, other requesters, reads.
        for n, (address, write) in enumerate([(0x1FF4, 1), (0x2000, 0), (0x0, 1), (0xFFFF_FFF0, 0)]):
            around.offer(address, write=write, burst=1, last=n == 3, data=n, requester=n & 1)
            await ctx.tick()
            assert around.out == (1, 1)
            request = dut.out.payload.request
            seen.append((ctx.get(request.address), ctx.get(request.write), ctx.get(request.data), ctx.get(request.requester)))
        assert seen == [(0x1FF0 + 4 * n, 1, n, DMA_FIRST) for n in range(4)]
        # A refused one is refused whole, though its later beats say better pages.
        for n in range(4):
            around.offer(0x2000 if n == 0 else 0x1000, write=1, burst=1, last=n == 3)
            await ctx.tick()
            assert around.out == (1, 0)

    with_guard(program)


def test_hold_lets_a_burst_end_and_nothing_new_in():
    async def program(ctx, dut, around):
        around.policy(enable=0)
        ctx.set(dut.out.ready, 1)
        assert ctx.get(dut.drained)
        around.offer(0x1000, write=1, burst=1, last=0)
        await ctx.tick()
        ctx.set(dut.hold, 1)
        for n in range(1, 4):
            assert ctx.get(dut.requests.ready)
            assert not ctx.get(dut.drained)
            around.offer(0x1000 + 4 * n, write=1, burst=1, last=n == 3)
            await ctx.tick()
        around.offer(0x2000)
        assert not ctx.get(dut.requests.ready)
        await ctx.tick().repeat(3)
        assert not ctx.get(dut.drained)  # its answer is still to come
        ctx.set(dut.answered, 1)
        await ctx.tick()
        ctx.set(dut.answered, 0)
        assert ctx.get(dut.drained)
        assert not ctx.get(dut.requests.ready)
        ctx.set(dut.hold, 0)
        assert ctx.get(dut.requests.ready)

    with_guard(program)


def test_replacement_keeps_the_others(rng):
    async def program(ctx, dut, around):
        around.policy(length=1 << 17)
        words = [rng.getrandbits(32) for _ in range(16)]
        walks = 0
        for _ in range(200):
            page = rng.randrange(8) * 32 + rng.randrange(32)
            around.offer(page << 12)
            await ctx.tick()
            around.silence()
            if not around.out[0]:
                walks += 1
                assert await around.answer_walk(words[page >> 5]) == MAP + (page >> 5) * 4
            assert around.out == (1, words[page >> 5] >> (page & 31) & 1)
            await around.leave()
        assert 60 < walks < 140  # four of eight words are kept

    with_guard(program, entries=4)
