"""The prefetch queue: bytes, addresses, limits, faults, redirects, stores."""

from collections.abc import Callable
from random import Random

import pytest
from amaranth.sim import Simulator

from cocotb_tests.rtl.fetch.bench import LineServer, byte_at, physical_line
from rtl.fetch.port import LINE_BYTES
from rtl.fetch.queue import PrefetchQueue

_ADDRESS = (1 << 32) - 1


class _Taker:
    """Plays the decoder: takes bytes, and checks all that the window says."""

    def __init__(self, ctx, queue: PrefetchQueue, rng: Random, faults: Callable[[int], bool] = lambda line: False) -> None:
        self.ctx, self.queue, self.rng, self.faults = ctx, queue, rng, faults
        self.server = LineServer(ctx, queue.lines, rng, faults)
        self.eip = self.base = 0
        self.limit = _ADDRESS

    async def redirect(self, eip: int, base: int, limit: int) -> None:
        ctx, queue = self.ctx, self.queue
        self.server.before()
        ctx.set(queue.consume, 0)
        ctx.set(queue.context, {"cs_base": base, "cs_limit": limit, "cr3": self.rng.randrange(1 << 32)})
        ctx.set(queue.redirect.valid, 1)
        ctx.set(queue.redirect.eip, eip)
        self.server.sample()
        await ctx.tick()
        self.server.after()
        ctx.set(queue.redirect.valid, 0)
        ctx.set(queue.context, {"cs_base": 0xDEAD0000, "cs_limit": 0, "cr3": 0})  # latched: what comes later must not matter
        self.eip, self.base, self.limit = eip, base, limit
        self.server.asked.clear()
        assert ctx.get(queue.latched.cs_base) == base

    def check(self) -> int:
        """Everything the window says must be true; gives its count."""
        window = self.ctx.get(self.queue.window)
        linear = (self.base + self.eip) & _ADDRESS
        assert window.eip == self.eip
        for i in range(window.count):
            assert self.eip + i <= self.limit
            assert not self.faults(((linear + i) & _ADDRESS) // LINE_BYTES)
            assert window.bytes[i] == byte_at((linear + i) & _ADDRESS)
            here = physical_line(((linear + i) & _ADDRESS) // LINE_BYTES)
            first = window.physical // LINE_BYTES
            assert here == (first if i < LINE_BYTES - window.physical % LINE_BYTES else window.next_line)
        if window.count:
            assert window.physical % LINE_BYTES == linear % LINE_BYTES
        if window.fault:
            missing = self.eip + window.count
            address = (linear + window.count) & _ADDRESS
            if missing > self.limit:
                assert not window.page_fault
            else:
                assert window.page_fault
                assert self.faults(address // LINE_BYTES)
                assert (window.error, window.fault_address) == (5, address)
        return window.count

    async def tick(self, take: bool = True) -> None:
        ctx, queue = self.ctx, self.queue
        self.server.before()
        count = self.check()
        consume = self.rng.randrange(count + 1) if take and self.rng.random() < 0.6 else 0
        ctx.set(queue.consume, consume)
        self.server.sample()
        await ctx.tick()
        self.server.after()
        self.eip += consume
        ctx.set(queue.consume, 0)


def _simulate(body) -> None:
    queue = PrefetchQueue()

    async def run(ctx) -> None:
        await body(ctx, queue)

    simulator = Simulator(queue)
    simulator.add_clock(1e-6)
    simulator.add_testbench(run)
    simulator.run()


def test_straight_on(rng: Random) -> None:
    """Thousands of bytes across pages, from any alignment of segment and EIP."""

    async def body(ctx, queue: PrefetchQueue) -> None:
        taker = _Taker(ctx, queue, rng)
        for _ in range(6):
            start = rng.randrange(1 << 20)
            await taker.redirect(start, rng.randrange(1 << 28), _ADDRESS)
            for _ in range(400):
                await taker.tick()
            assert taker.eip - start > 500

    _simulate(body)


def test_redirect_at_any_time(rng: Random) -> None:
    """Answers to requests from before a redirect never show."""

    async def body(ctx, queue: PrefetchQueue) -> None:
        taker = _Taker(ctx, queue, rng)
        for _ in range(300):
            await taker.redirect(rng.randrange(1 << 16), rng.randrange(1 << 20) << 4, _ADDRESS)
            for _ in range(rng.choice((0, 1, 2, 3, 5, 12))):
                await taker.tick()

    _simulate(body)


def test_nothing_before_the_first_redirect(rng: Random) -> None:
    """Reset leaves the queue idle."""

    async def body(ctx, queue: PrefetchQueue) -> None:
        for _ in range(10):
            assert not ctx.get(queue.lines.request_valid)
            assert ctx.get(queue.window.count) == 0
            assert not ctx.get(queue.window.fault)
            await ctx.tick()

    _simulate(body)


@pytest.mark.parametrize("first", [0, 1, 15, 16, 17, 100])
def test_limit(first: int, rng: Random) -> None:
    """All bytes up to the limit come, the one behind it is a fault, and no line beyond it is asked for."""

    async def body(ctx, queue: PrefetchQueue) -> None:
        taker = _Taker(ctx, queue, rng)
        for _ in range(12):
            base, limit = rng.randrange(1 << 24), rng.randrange(200, 0x10000)
            start = limit + 1 - first
            await taker.redirect(start, base, limit)
            for _ in range(120):
                await taker.tick()
                if taker.eip == limit + 1:
                    break
            assert taker.eip == limit + 1
            taker.check()
            assert ctx.get(queue.window.fault)
            assert ctx.get(queue.window.count) == 0
            for _ in range(10):
                await taker.tick()
            lines = {(base + eip & _ADDRESS) // LINE_BYTES for eip in range(start, limit + 1)}
            assert set(taker.server.asked) == lines
            await taker.redirect(limit + rng.choice((1, 2, 0x8000)), base, limit)  # altogether beyond it
            for _ in range(10):
                await taker.tick()
            assert ctx.get(queue.window.fault)
            assert not taker.server.asked

    _simulate(body)


def test_page_fault(rng: Random) -> None:
    """Bytes before the page come, then the fault with its own address; nothing is asked for behind it."""

    async def body(ctx, queue: PrefetchQueue) -> None:
        for bytes_before in (0, 1, 7, 15, 16, 40):
            page = rng.randrange(1, 1 << 15)

            def faults(line: int, page: int = page) -> bool:
                return line >> 8 == page

            taker = _Taker(ctx, queue, rng, faults)
            start = page * 0x1000 - bytes_before
            await taker.redirect(start, 0, _ADDRESS)
            for _ in range(150):
                await taker.tick()
            assert taker.eip == page * 0x1000
            assert ctx.get(queue.window.fault)
            assert ctx.get(queue.window.page_fault)
            assert len([line for line in taker.server.asked if line >> 8 == page]) == 1

    _simulate(body)


def test_demand(rng: Random) -> None:
    """``pressing`` is handed on."""

    async def body(ctx, queue: PrefetchQueue) -> None:
        for pressing in (0, 1, 0):
            ctx.set(queue.pressing, pressing)
            assert ctx.get(queue.lines.demand) == pressing

    _simulate(body)


def test_stores(rng: Random) -> None:
    """A line that is announced while it is in the queue, or just before it arrives, counts; others and old ones do not."""

    async def body(ctx, queue: PrefetchQueue) -> None:
        taker = _Taker(ctx, queue, rng)
        await taker.redirect(0x1230, 0, _ADDRESS)
        line = 0x123
        held = {physical_line(line), physical_line(line + 1)}
        for _ in range(40):
            await taker.tick(take=False)
        for candidate in (*held, physical_line(line - 1), physical_line(line + 2), physical_line(line + 256), 0):
            ctx.set(queue.stores.valid, 1)
            ctx.set(queue.stores.line, candidate)
            assert ctx.get(queue.overwritten) == (candidate in held)
            await taker.tick(take=False)
            ctx.set(queue.stores.valid, 0)
            assert ctx.get(queue.overwritten) == (candidate in held)
            await taker.tick(take=False)
            assert not ctx.get(queue.overwritten)

    _simulate(body)


def test_store_while_the_line_arrives(rng: Random) -> None:
    """An announcement in the cycle of the answer or the one before it is seen; two cycles before, the answer holds it already."""

    async def body(ctx, queue: PrefetchQueue) -> None:
        lines = queue.lines
        for early, expected in ((0, 1), (1, 1), (2, 0)):
            ctx.set(queue.redirect.valid, 1)
            ctx.set(queue.redirect.eip, 0x4560)
            ctx.set(queue.context, {"cs_limit": _ADDRESS})
            await ctx.tick()
            ctx.set(queue.redirect.valid, 0)
            ctx.set(lines.request_ready, 1)
            await ctx.tick()
            ctx.set(lines.request_ready, 0)
            for cycle in range(6):
                ctx.set(queue.stores.valid, int(cycle == 4 - early))
                ctx.set(queue.stores.line, 0x777)
                ctx.set(lines.response_valid, int(cycle == 4))
                ctx.set(lines.response_physical, 0x777)
                if cycle == 4:
                    assert ctx.get(queue.overwritten) == expected
                await ctx.tick()
            ctx.set(queue.stores.valid, 0)

    _simulate(body)
