"""Data accesses without paging: alignment, the cache, the store buffer, snoops, I/O, uncacheable memory, locks."""

import pytest

from cocotb_tests.rtl.memory.bench import Bench
from contracts.bus import Space
from rtl.memory.port import AccessKind
from rtl.params import CoreParams

TWO_WAYS = CoreParams(icache_lines=16, dcache_lines=512, itlb_entries=4, dtlb_entries=4, asid_width=2, store_buffer=4)


def value_of(memory: dict[int, int], address: int, size: int) -> int:
    return sum(memory.get(address + n, 0) << 8 * n for n in range(size))


@pytest.mark.parametrize("params", [CoreParams.tiny(), TWO_WAYS], ids=["tiny", "two_ways"])
def test_random_accesses(rng, params):
    """Loads, stores and read-modify-writes at any alignment, cached and uncached, some cancelled; the other master writes its own bytes."""
    bench = Bench(rng, params)
    mine: dict[int, int] = {}  # what memory holds as the program sees it
    regions = (0x0000_0FC0, 0x0000_1FC0, 0x0002_0FC0, 0x8000_0FF0)  # sets in conflict, and one that is not cached
    foreign = 0x0000_0FC8  # bytes of the first region that the other master writes
    uncached = 0

    async def program(ctx):
        nonlocal uncached
        for step in range(1500):
            if rng.random() < 0.1:  # another master writes one of its bytes; the snoop follows
                address = foreign + rng.randrange(2)
                value = rng.randrange(256)
                bench.memory.memory[address] = mine[address] = value
                bench.snoops.append(address >> 4)
                for _ in range(3):
                    await ctx.tick()
            base = rng.choice(regions)
            size = rng.choice((1, 2, 4))
            address = base + rng.randrange(0x44)
            owned = not (address <= foreign + 1 and foreign < address + size)
            action = rng.random()
            before = len(bench.memory.log)
            words = 2 if address % 4 + size > 4 else 1
            if action < 0.5 or not owned:
                assert await bench.load(ctx, address, size) == value_of(mine, address, size), f"step {step}: {size} at {address:#x}"
                traffic = words
            elif action < 0.8:
                value = rng.randrange(1 << 8 * size)
                await bench.request(ctx, AccessKind.STORE, address, size)
                if rng.random() < 0.1:
                    await bench.cancel(ctx)
                    traffic = 0
                else:
                    await bench.commit(ctx, value)
                    mine.update({address + n: value >> 8 * n & 0xFF for n in range(size)})
                    traffic = words
            else:
                result = await bench.request(ctx, AccessKind.READ_MODIFY_WRITE, address, size)
                assert result.data == value_of(mine, address, size)
                assert (result.physical, result.physical_last) == (address, address + size - 1)
                value = rng.randrange(1 << 8 * size)
                await bench.commit(ctx, value)
                mine.update({address + n: value >> 8 * n & 0xFF for n in range(size)})
                traffic = 2 * words
            if base == regions[-1]:
                await bench.drain(ctx)
                log = [r for r in bench.memory.log[before:] if r.address >= regions[-1]]
                assert len(log) == traffic  # exactly once
                assert not any(r.burst for r in log)
                uncached += 1
        await bench.drain(ctx)

    bench.run(program)
    assert {a: v for a, v in bench.memory.memory.items() if v} == {a: v for a, v in mine.items() if v}
    assert uncached > 50


def test_latencies(rng):
    """A load that hits answers in the cycle after its request, unaligned within a line too; a store's commit takes one cycle."""
    bench = Bench(rng, stall=0)
    bench.memory.write(0x104, 0x11223344)

    async def program(ctx):
        assert await bench.load(ctx, 0x104) == 0x11223344
        miss = bench.done_cycles
        for address, size in ((0x104, 4), (0x105, 2), (0x103, 4)):
            await bench.load(ctx, address, size)
            assert bench.done_cycles == 1
        assert miss > 4
        await bench.load(ctx, 0x11E)  # across lines
        await bench.load(ctx, 0x11E)
        assert bench.done_cycles == 2
        await bench.request(ctx, AccessKind.STORE, 0x104, 4)
        assert bench.done_cycles == 1
        assert not ctx.get(bench.dut.access.busy)
        await bench.commit(ctx, 5)
        assert ctx.get(bench.dut.access.ready)
        assert await bench.load(ctx, 0x104) == 5
        assert bench.done_cycles == 1

    bench.run(program)


def test_every_commit_is_announced(rng):
    """In the cycle of the commit the first line is announced; a second one no later than that."""
    bench = Bench(rng)

    async def program(ctx):
        for address in (0x204, 0x20D, 0x20E, 0x20F, 0xFFE, 0x8000_000E):
            await bench.request(ctx, AccessKind.STORE, address, 4)
            while ctx.get(bench.dut.access.busy):
                await ctx.tick()
            committed = bench.cycle
            await bench.commit(ctx, 1)
            await ctx.tick()
            lines = {line for cycle, line in bench.announced if cycle <= committed}
            assert {address >> 4, (address + 3) >> 4} <= lines
            assert (committed, address >> 4) in bench.announced

    bench.run(program)


def test_io(rng):
    """Each port access is one bus access a word, after all older stores; the pipeline can wait for OUT by ``idle``."""
    bench = Bench(rng, stall=0.6)
    bench.memory.ports.update({0x60: 0xAB, 0x61: 0xCD, 0x3FF: 0x12, 0x400: 0x34})

    async def program(ctx):
        for n in range(4):
            await bench.store(ctx, 0x300 + 4 * n, n)
        assert (await bench.request(ctx, AccessKind.IN, 0x60, 2)).data == 0xCDAB
        assert [r.space for r in bench.memory.log] == [Space.MEMORY] * 4 + [Space.IO]
        assert (await bench.request(ctx, AccessKind.IN, 0x3FF, 2)).data == 0x3412
        assert [(r.address, r.mask) for r in bench.memory.log[-2:]] == [(0x3FC, 0b1000), (0x400, 0b0001)]
        before = len(bench.memory.log)
        await bench.request(ctx, AccessKind.OUT, 0x62, 2)
        assert len(bench.memory.log) == before
        await bench.commit(ctx, 0xBEEF)
        assert not ctx.get(bench.dut.access.idle)
        await bench.drain(ctx)
        assert bench.memory.ports[0x62] | bench.memory.ports[0x63] << 8 == 0xBEEF
        await bench.request(ctx, AccessKind.OUT, 0x62, 1)
        await bench.cancel(ctx)
        assert len(bench.memory.log) == before + 1
        assert (await bench.request(ctx, AccessKind.ACKNOWLEDGE, 0, 1)).data == bench.memory.vector

    bench.run(program)


def test_locked_read_modify_write(rng):
    """The bus is locked from the load to the store, whatever else the processor does meanwhile; a cancel unlocks it without writing."""
    bench = Bench(rng)
    bench.memory.write(0x100, 7)

    async def fetching(ctx):
        bench.state(ctx, pg=0)
        while True:
            await bench.fetch(ctx, rng.randrange(64) * 16 + 0x4000)

    bench.agent(fetching)

    async def program(ctx):
        total = 7
        for n in range(40):
            address = rng.choice((0x100, 0x102, 0x10E, 0xFFE))
            if address == 0x100:
                bench.memory.write(0x100, total + 100)  # changed by another master, whose snoop has not come yet
                total += 100
            before = len(bench.memory.log)
            result = await bench.request(ctx, AccessKind.READ_MODIFY_WRITE, address, 4, lock=1)
            expected = bench.memory.read(address)
            assert result.data == expected
            for _ in range(rng.randrange(6)):
                assert bench.memory.locked
                await ctx.tick()
            if n % 3 == 2:
                await bench.cancel(ctx)
            else:
                await bench.commit(ctx, result.data + 1)
            await bench.drain(ctx)
            assert not bench.memory.locked
            assert bench.memory.read(address) == expected + (n % 3 != 2)
            total = bench.memory.read(0x100)
            log = bench.memory.log[before:]
            first = next(i for i, r in enumerate(log) if r.lock)
            last = max(i for i, r in enumerate(log) if r.lock)
            assert all(r.lock for r in log[first:last])
            assert log[last + 1].write  # it is the store, or the empty write of the cancel, that unlocks
            assert (log[last + 1].mask == 0) == (n % 3 == 2)

    bench.run(program)


def test_lock_over_several_accesses(rng):
    """LOAD lock, LOAD lock, STORE lock, STORE: as CMPXCHG8B needs it."""
    bench = Bench(rng)

    async def program(ctx):
        await bench.load(ctx, 0x100)  # in the cache, yet the locked loads go to the bus
        await bench.store(ctx, 0x104, 3)
        await bench.load(ctx, 0x100, lock=1)
        assert await bench.load(ctx, 0x104, lock=1) == 3
        await bench.store(ctx, 0x100, 9, lock=1)
        assert bench.memory.locked
        await bench.store(ctx, 0x104, 8)
        await bench.drain(ctx)
        assert not bench.memory.locked
        assert await bench.load(ctx, 0x100) == 9
        assert await bench.load(ctx, 0x104) == 8
        assert [r.lock for r in bench.memory.log[-4:]] == [True, True, True, False]

    bench.run(program)


def test_cache_disable(rng):
    """With CR0.CD set nothing new is kept, and what is there counts and stays true."""
    bench = Bench(rng)
    bench.memory.write(0x100, 1)

    async def program(ctx):
        assert await bench.load(ctx, 0x100) == 1
        ctx.set(bench.dut.cache_disable, 1)
        for n in range(3):
            await bench.store(ctx, 0x200, n)
            await bench.store(ctx, 0x100, n)
            await bench.drain(ctx)
            before = len(bench.memory.log)
            assert await bench.load(ctx, 0x200) == n
            assert len(bench.memory.log) == before + 1
            assert not bench.memory.log[-1].burst
            assert await bench.load(ctx, 0x100) == n
            assert len(bench.memory.log) == before + 1
            assert await bench.load(ctx, 0x1FE) == n << 16  # one line there, the other not
            assert await bench.load(ctx, 0x10E) == 0
        await bench.fetch(ctx, 0x300)
        await bench.fetch(ctx, 0x300)
        assert sum(r.address == 0x300 for r in bench.memory.log) == 2

    bench.run(program)


def test_flush_of_caches(rng):
    """FLUSH_CACHES empties both: without it, memory changed behind the processor's back is not seen."""
    bench = Bench(rng)

    async def program(ctx):
        for n in range(3):
            bench.memory.write(0x100, n)
            assert await bench.load(ctx, 0x100) == (n if n != 1 else 0)
            data, _ = await bench.fetch(ctx, 0x100)
            assert data & 0xFF == (n if n != 1 else 0)
            if n == 1:
                await bench.maintain(ctx, "flush_caches")

    bench.run(program)


def test_authority(rng):
    """Stores carry the authority in force when they were made, even if they leave later."""
    bench = Bench(rng, TWO_WAYS, stall=0.9)

    async def program(ctx):
        expected = []
        for n in range(30):
            authority = rng.randrange(2)
            bench.state(ctx, ring_minus_1=authority)
            await bench.store(ctx, 0x400 + 4 * n, n)
            expected.append((0x400 + 4 * n, authority))
            if rng.random() < 0.2:
                await bench.load(ctx, 0x8000_0000)
                assert bench.memory.log[-1].authority == authority
        await bench.drain(ctx)
        assert [(r.address, r.authority) for r in bench.memory.log if r.write] == expected

    bench.run(program)
