"""A20: bit 20 of physical addresses is masked before the caches, for data, code and page walks; a line never has two names."""

from random import Random

from cocotb_tests.rtl.memory.bench import Bench
from cocotb_tests.rtl.mmu.reference import RW, US, P
from rtl.memory.port import AccessKind

A20 = 1 << 20
LINE = 16
# aliases of one another in pairs, some of which share sets of the caches; one pair is uncacheable
PLACES = (0x0020_0100, 0x0030_0100, 0x0020_0200, 0x0030_0200, 0x8000_0040, 0x8010_0040)
DIRECTORY, TABLE = 0x0010_1000, 0x0030_2000  # in odd megabytes: with A20 masked the walker reads others
PAGES = (0x00400, 0x00401, 0x00402)
FRAMES = (0x00200, 0x00300, 0x00305)


def value_at(memory: dict[int, int], address: int, size: int, masked: int) -> int:
    return sum(memory.get(address + n & (~A20 if masked else ~0), 0) << 8 * n for n in range(size))


def test_random_accesses_while_a20_comes_and_goes(rng: Random):
    """Loads, stores, locked accesses and fetches without paging, against bytes in a dictionary."""
    bench = Bench(rng, latency=(1, 4), stall=0.2)
    count = dict.fromkeys(("load", "store", "lock", "fetch", "toggle"), 0)

    async def program(ctx):
        mirror: dict[int, int] = {}
        masked = 0
        for place in PLACES:
            for n in range(64):
                mirror[place + n] = bench.memory.memory[place + n] = rng.randrange(256)
        for _ in range(900):
            if rng.random() < 0.1:  # an OUT has waited for the stores before it
                await bench.drain(ctx)
                masked ^= 1
                ctx.set(bench.dut.a20m, masked)
                count["toggle"] += 1
            address = rng.choice(PLACES) + rng.randrange(60)
            what = rng.choice(("load", "load", "store", "lock", "fetch"))
            count[what] += 1
            if what == "fetch":
                address &= -LINE
                data, physical = await bench.fetch(ctx, address)
                assert physical == (address & (~A20 if masked else ~0)) // LINE
                assert data == value_at(mirror, address, LINE, masked)
                continue
            size = rng.choice((1, 2, 4))
            expected = value_at(mirror, address, size, masked)
            if what == "load":
                result = await bench.request(ctx, AccessKind.LOAD, address, size)
                assert result.physical == address & (~A20 if masked else ~0)
                assert result.data == expected, hex(address)
                continue
            value = rng.getrandbits(8 * size)
            if what == "lock":
                result = await bench.request(ctx, AccessKind.READ_MODIFY_WRITE, address, size, lock=1)
                assert result.data == expected
                await bench.commit(ctx, value)
            else:
                await bench.store(ctx, address, value, size)
            for n in range(size):
                mirror[address + n & (~A20 if masked else ~0)] = value >> 8 * n & 0xFF
        await bench.drain(ctx)
        assert {a: v for a, v in bench.memory.memory.items() if v} == {a: v for a, v in mirror.items() if v}

    bench.run(program)
    assert min(count.values()) > 40


def test_walks_and_translations(rng: Random):
    """Tables in odd megabytes and their aliases differ; what the TLB keeps is a frame, masked when it is used."""
    bench = Bench(rng, latency=(1, 3))
    content = {frame: rng.getrandbits(32) for frame in FRAMES}

    async def program(ctx):
        for frame, value in content.items():
            bench.memory.write(frame << 12 | 0x40, value)
        bits = P | RW | US
        for n, frame in enumerate(FRAMES):
            bench.memory.write(TABLE + 4 * n, frame << 12 | bits)
            bench.memory.write((TABLE & ~A20) + 4 * n, FRAMES[(n + 1) % len(FRAMES)] << 12 | bits)
        for directory in (DIRECTORY, DIRECTORY & ~A20):  # the masked walk reads the other table, whose address is masked too
            bench.memory.write(directory + 4, TABLE | bits)
        bench.state(ctx, pg=1, pe=1, cr3=DIRECTORY)

        def seen(frame: int, masked: int) -> int:
            """What lies at that frame; of 300h with bit 20 masked, 200h's."""
            return value_at(bench.memory.memory, frame << 12 | 0x40, 4, masked)

        for filled, used in ((0, 0), (0, 1), (1, 1), (1, 0)):
            await bench.maintain(ctx, "flush_tlb", 2)
            for n, page in enumerate(PAGES):
                frame = FRAMES[(n + filled) % len(FRAMES)]
                ctx.set(bench.dut.a20m, filled)
                assert await bench.load(ctx, page << 12 | 0x40, translate=1) == seen(frame, filled)
                data, _ = await bench.fetch(ctx, page << 12 | 0x40)
                assert data & 0xFFFF_FFFF == seen(frame, filled)
                ctx.set(bench.dut.a20m, used)
                walks = bench.memory.memory.copy()
                assert await bench.load(ctx, page << 12 | 0x40, translate=1) == seen(frame, used)
                data, physical = await bench.fetch(ctx, page << 12 | 0x40)
                assert data & 0xFFFF_FFFF == seen(frame, used)
                assert physical << 4 == (frame << 12 | 0x40) & (~A20 if used else ~0)
                assert bench.memory.memory == walks

    bench.run(program)
