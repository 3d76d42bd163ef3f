"""The guard alone, cycle by cycle: no cycle for a hit, one walk for a miss, answers in bounded time, bursts judged once."""

import pytest

from chipset.dma_policy.guard import Guard
from cocotb_tests.chipset.bus_master import simulate
from contracts.policy_map import Format
from contracts.requesters import DMA_FIRST

__all__: list[str] = []

MAP = 0x8000
WALK = 6  # cycles from the taken walk to its answer
BEFORE_THE_READ = 12  # cycles at most, with two maps, while the walker still ends its last walk
ROWS = 4  # in which a word goes to the cache
UNIFORM, OWN, TWO_BITS = Format


class Around:
    """Everything around a guard, as plain signals."""

    def __init__(self, ctx, dut: Guard) -> None:
        self.ctx = ctx
        self.dut = dut

    async def policy(self, *, enable: int = 1, fmt: int = UNIFORM, base: int = MAP, length: int = 64, launch: int | None = None) -> None:
        ctx, policy = self.ctx, self.dut.policy
        ctx.set(self.dut.hold, 1)
        for _ in range(20):
            if ctx.get(self.dut.drained):
                break
            await ctx.tick()
        ctx.set(self.dut.flush, 1)
        await ctx.tick()
        ctx.set(policy.enable, enable)
        ctx.set(policy.map_format, fmt)
        ctx.set(policy.launch.protect, launch is not None)
        ctx.set(policy.launch.base, (launch or 0) >> 16)
        for n in range(2):
            ctx.set(policy.maps[n].base, base // 4 + n * length // 4)
            ctx.set(policy.maps[n].length, length // 4)
        ctx.set(self.dut.flush, 0)
        ctx.set(self.dut.hold, 0)

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

    async def walk_begins(self) -> None:
        for _ in range(BEFORE_THE_READ):
            if self.ctx.get(self.dut.walk.valid):
                return
            await self.ctx.tick()
        assert self.ctx.get(self.dut.walk.valid), "no walk"

    async def answer_walk(self, word: int, error: int = 0) -> int:
        """Takes the walk and answers it; the address that was read."""
        ctx, dut = self.ctx, self.dut
        await self.walk_begins()
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
        await ctx.tick()  # with the first row the verdict is known
        return address

    async def whole(self) -> None:
        """The cache has been given the word too, and the walker's last access is forgotten if it has left."""
        await self.ctx.tick().repeat(ROWS + 1)

    async def leave(self) -> None:
        """The request that is out is taken, and answered; and time passes until the walker is idle again."""
        self.ctx.set(self.dut.out.ready, 1)
        await self.ctx.tick()
        self.ctx.set(self.dut.out.ready, 0)
        self.silence()
        self.ctx.set(self.dut.answered, 1)
        await self.ctx.tick()
        self.ctx.set(self.dut.answered, 0)
        await self.whole()


def with_guard(program, **parameters) -> None:
    dut = Guard(requesters=2, **({"cached_words": 2} | parameters))

    async def bench(ctx):
        around = Around(ctx, dut)
        await program(ctx, dut, around)

    simulate(dut, bench)


def test_a_hit_goes_through_in_the_cycle_in_which_it_comes():
    async def program(ctx, dut, around):
        ctx.set(dut.out.ready, 1)
        around.offer(0x1000)
        assert around.out == (1, 1)  # the guard is off
        assert ctx.get(dut.requests.ready)
        around.silence()
        await around.policy()
        around.offer(0x1000)
        assert around.out[0] == 0
        await around.answer_walk(0b10)
        await around.whole()
        for page in (1, 0, 1, 1, 0):
            around.offer(page << 12)
            assert around.out == (1, page)
            assert ctx.get(dut.requests.ready)
            await ctx.tick()

    with_guard(program)


@pytest.mark.parametrize(
    ("fmt", "requester", "write", "page", "word", "bit"),
    [
        (UNIFORM, 0, 0, 69, 2, 5), (UNIFORM, 1, 1, 69, 2, 5), (OWN, 0, 1, 69, 2, 5), (OWN, 1, 0, 69, 16 + 2, 5),
        (TWO_BITS, 0, 0, 69, 4, 10), (TWO_BITS, 0, 1, 69, 4, 11), (TWO_BITS, 1, 0, 255, 16 + 15, 30), (TWO_BITS, 1, 1, 255, 16 + 15, 31),
    ],
)  # fmt: skip
def test_the_right_word_is_read_once(fmt, requester, write, page, word, bit):
    async def program(ctx, dut, around):
        await around.policy(fmt=fmt)
        around.offer(page << 12, requester=requester, write=write)
        assert around.out[0] == 0
        assert await around.answer_walk(1 << bit) == MAP + 4 * word
        assert around.out == (1, 1)
        await around.leave()
        around.offer((page ^ 2) << 12, requester=requester, write=write)
        assert around.out == (1, 0)
        if fmt == TWO_BITS:
            around.offer(page << 12, requester=requester, write=1 - write)
            await around.answer_walk(1 << bit)
            assert around.out == (1, 0)

    with_guard(program)


@pytest.mark.parametrize("when", ["before the answer", "with the answer", "after the answer", "when decided", "when cached"])
def test_a_store_counts_at_once(when):
    async def program(ctx, dut, around):
        await around.policy()
        around.offer(0x1000)
        await around.walk_begins()
        ctx.set(dut.walk.ready, 1)
        await ctx.tick()
        ctx.set(dut.walk.ready, 0)
        for moment in ("before the answer", "with the answer", "after the answer", "when decided"):
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
            await around.leave()
            around.offer(0x1000)
            assert around.out == (1, 1)
            around.store(MAP, 0, mask=1)
            await ctx.tick()
            ctx.set(dut.written.valid, 0)
            await around.answer_walk(0)
        assert around.out == (1, 0)
        await around.leave()
        around.offer(0x1000)  # and for the next one
        if not around.out[0]:
            await around.answer_walk(0)
        assert around.out == (1, 0)

    with_guard(program)


def test_bounded_while_the_map_is_written_all_the_time():
    async def program(ctx, dut, around):
        await around.policy()
        around.offer(0x1000)
        around.store(MAP, 0b10)  # in every cycle
        await around.answer_walk(0)
        assert around.out == (1, 1)
        await ctx.tick().repeat(5)
        assert around.out == (1, 1)
        await around.leave()

    with_guard(program)


def test_a_failed_walk_refuses_and_is_tried_again():
    async def program(ctx, dut, around):
        await around.policy()
        for error in (1, 0):
            around.offer(0x1000)
            await around.answer_walk(0xFFFF_FFFF, error)
            assert around.out == (1, 1 - error)
            await around.leave()

    with_guard(program)


def test_a_miss_lets_others_through():
    async def program(ctx, dut, around):
        await around.policy(fmt=OWN)
        around.offer(0x1000, requester=1)
        await around.answer_walk(0b10)
        await around.leave()
        around.offer(0x1000, requester=0)
        await ctx.tick()
        assert ctx.get(dut.stalled) == 0b01
        for _ in range(BEFORE_THE_READ + 3):  # the walk is not answered
            around.offer(0x1000, requester=1)
            assert around.out == (1, 1)
            await around.leave()
            assert ctx.get(dut.stalled) == 0b01
        await around.answer_walk(0b10)
        await ctx.tick()
        assert ctx.get(dut.stalled) == 0
        around.offer(0x1000, requester=0)
        assert around.out == (1, 1)

    with_guard(program)


def test_whoever_asks_for_something_else_frees_the_walker():
    async def program(ctx, dut, around):
        await around.policy()
        around.offer(0x1000)
        await around.answer_walk(0b10)
        around.offer(0x0004_5000)  # instead
        assert around.out[0] == 0
        await around.answer_walk(1 << 5)
        assert around.out == (1, 1)

    with_guard(program)


def test_a_burst_is_judged_once():
    async def program(ctx, dut, around):
        await around.policy()
        ctx.set(dut.out.ready, 1)
        for page, admitted in ((1, 1), (2, 0)):
            for n in range(4):
                around.offer((page if n == 0 else 3 - page) << 12, write=1, burst=1, last=n == 3, data=n)
                if n == 0 and not around.out[0]:
                    await around.answer_walk(0b10)
                assert around.out == (1, admitted)
                assert ctx.get(dut.out.payload.request.data) == n
                await ctx.tick()
                assert ctx.get(dut.denial.valid) == (n == 0 and not admitted)
                if n == 0 and not admitted:
                    assert ctx.get(dut.denial.address) == page << 12
                    assert ctx.get(dut.denial.requester) == DMA_FIRST

    with_guard(program)


@pytest.mark.parametrize("words", [1, 2])
@pytest.mark.parametrize("fmt", [UNIFORM, OWN, TWO_BITS])
def test_pages_that_hold_part_of_a_map_are_closed_to_writes(fmt, words):
    """From the page with its first word to that with its last; reads go by the map, before and after the word has been kept."""
    first, last = 0x40, 0x43  # map 0 ends with page 41h, map 1 with the first word of page 43h

    async def program(ctx, dut, around):
        await around.policy(fmt=fmt, base=first * 0x1000 + 0xFFC, length=0x1000 + 4)
        for page in range(first - 1, last + 2):
            for write in (0, 1, 0, 1):
                around.offer(page << 12, write=write, requester=page & 1)
                if not around.out[0]:
                    await around.answer_walk(0xFFFF_FFFF)
                closed = write and first <= page <= (last if fmt != UNIFORM else 0x41)
                assert around.out == (1, not closed), (hex(page), write)
                await around.leave()

    with_guard(program, cached_words=words)


def test_the_launch_region_is_closed_with_the_guard_on_or_off():
    async def program(ctx, dut, around):
        for enable in (0, 1):
            await around.policy(enable=enable, launch=0x5_0000)
            for address, admitted in ((0x4_FFFC, 1), (0x5_0000, 0), (0x5_FFFC, 0), (0x6_0000, 1)):
                around.offer(address)
                if not around.out[0]:
                    await around.answer_walk(0xFFFF_FFFF)
                assert around.out == (1, admitted)
                await around.leave()

    with_guard(program)


def test_hold_lets_a_burst_end_and_nothing_new_in():
    async def program(ctx, dut, around):
        ctx.set(dut.out.ready, 1)
        assert ctx.get(dut.drained)
        around.offer(0x1000, write=1, burst=1, last=0)
        await ctx.tick()
        ctx.set(dut.hold, 1)
        for n in range(1, 4):
            around.offer(0x1000 + 4 * n, write=1, burst=1, last=n == 3)
            assert ctx.get(dut.requests.ready)
            assert not ctx.get(dut.drained)
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


def test_a_change_of_policy_ends_what_has_been_found_out():
    async def program(ctx, dut, around):
        await around.policy()
        around.offer(0x1000)
        await around.answer_walk(0b10)
        assert around.out == (1, 1)
        await around.policy(base=MAP + 0x1000)
        assert around.out[0] == 0
        assert await around.answer_walk(0) == MAP + 0x1000
        assert around.out == (1, 0)

    with_guard(program)


def test_each_requester_keeps_its_words(rng):
    """Whatever one reads, the other's word stays; and each keeps a word for reads and one for writes."""

    async def program(ctx, dut, around):
        await around.policy(length=1 << 17)
        kept: dict[tuple[int, int], int] = {}
        for _ in range(200):
            requester, write, region = rng.randrange(2), rng.randrange(2), rng.randrange(64, 67)
            around.offer(region << 17, requester=requester, write=write)
            assert around.out[0] == (kept.get((requester, write)) == region)
            if not around.out[0]:
                assert await around.answer_walk(0xFFFF_FFFF) == MAP + 4 * region
            kept[requester, write] = region
            assert around.out == (1, 1)
            await around.leave()

    with_guard(program)


def test_a_guard_that_cannot_be_built():
    with pytest.raises(ValueError, match="17 DMA requesters: 1 to 16"):
        Guard(requesters=17, cached_words=1)
    with pytest.raises(ValueError, match="3 map words for each requester: it must be a power of two"):
        Guard(requesters=2, cached_words=3)
    with pytest.raises(ValueError, match="at least one must be built"):
        Guard(requesters=2, cached_words=1, formats=())
