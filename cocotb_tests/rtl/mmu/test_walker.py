"""The page walker against the reference: every combination of rights, and tables that change while they are being walked."""

from dataclasses import asdict
from functools import cache
from itertools import product

import pytest

from cocotb_tests import verilated
from cocotb_tests.rtl.bus_memory import BusMemory
from cocotb_tests.rtl.mmu.reference import PCD, PS, RW, US, A, D, G, P, PageFault, Paging, walk
from rtl.mmu.walker import Walker
from sim.model import ModelSpec

CR3 = 0x0000_1018  # PCD and PWT of CR3 do not change the address
TABLE = 0x0000_2000
LINEAR = 0x0040_3000 + 0x678
DIRECTORY_ENTRY = 0x1000 + (LINEAR >> 22) * 4
TABLE_ENTRY = TABLE + (LINEAR >> 12 & 0x3FF) * 4
BITS = (P, RW, US, A, D)


def combinations(bits):
    """Every union of ``bits``."""
    return [sum(chosen) for chosen in product(*((0, bit) for bit in bits))]


class Unit(verilated.Wrapped):
    """A walker on Verilator."""

    def __init__(self) -> None:
        self.dut = Walker()
        super().__init__(self.dut, [self.dut])


SPEC = ModelSpec(f"{__name__}:Unit", rooms=("contracts", "rtl", "cocotb_tests/verilated.py", "cocotb_tests/rtl/mmu/test_walker.py"))
unit = cache(Unit)  # the one whose signals the testbenches name


class Bench:
    """A walker, a memory, and the reference beside it."""

    def __init__(self, rng, **memory_options) -> None:
        self.dut = unit().dut
        self.bus = BusMemory(self.dut.bus, rng, **memory_options)
        self.announced: list[int] = []

    def run(self, program) -> None:
        async def watch(ctx):
            await ctx.tick()
            ctx.set(self.dut.announced, 1)
            async for _, _, announce, line in ctx.tick().sample(self.dut.announce, self.dut.announce_line):
                if announce:
                    self.announced.append(line)

        verilated.simulate(SPEC, unit(), program, background=[self.bus.serve, watch])

    def ask(self, ctx, port, paging: Paging, linear: int, *, user: int, store: int, clean: int = 0, authority: int = 0) -> None:
        mode = {"pe": 1, "pg": 1, "wp": paging.wp, "pse": paging.pse, "pge": paging.pge, "cpl": 3 * user}
        ctx.set(port.request, {
            "page": linear >> 12, "user": user, "write": store, "leave_clean": clean, "mode": mode, "cr3": paging.cr3,
            "ring_minus_1": authority,
        })  # fmt: skip
        ctx.set(port.valid, 1)

    async def answer(self, ctx, port):
        result = await ctx.tick().sample(port.result).until(port.done)
        ctx.set(port.valid, 0)
        return result[0]

    def reference(self, paging: Paging, linear: int, *, user: int, store: int, clean: int = 0):
        """Page or PageFault; the second value is memory as it must be afterwards."""
        after = dict(self.bus.memory)

        def read(address):
            return sum(after.get(address + n, 0) << 8 * n for n in range(4))

        def write(address, value):
            after.update({address + n: value >> 8 * n & 0xFF for n in range(4)})

        try:
            return walk(read, write, paging, linear, user=user, store=store, clean=clean), after
        except PageFault as fault:
            return fault, after

    def compare(self, result, expected) -> None:
        if isinstance(expected, PageFault):
            assert result.fault
            assert result.error == expected.error
        else:
            assert not result.fault
            assert not result.retry
            assert {name: getattr(result.entry, name) for name in asdict(expected)} == asdict(expected)


def cases():
    """Directory entry, table entry, CR4.PSE: all that differ in effect."""
    for directory, large, pse in product(combinations(BITS), (0, PS), (0, 1)):
        reaches_table = directory & P and not (large and pse)
        for table in combinations(BITS) if reaches_table else [P | RW | US]:
            yield directory | large, table, pse


@pytest.mark.parametrize("wp", [0, 1])
@pytest.mark.parametrize(("store", "clean"), [(0, 0), (1, 0), (1, 1)])
def test_rights_exhaustively(rng, wp, store, clean):
    """P, RW, US, A, D, PS of the directory entry × of the table entry × CR4.PSE × CR0.WP × ring × load, store, store to be refused."""
    bench = Bench(rng, latency=(1, 1), stall=0)
    count = {"fault": 0, "page": 0}

    async def program(ctx):
        for (directory, table, pse), user in product(cases(), (0, 1)):
            large = directory & PS and pse
            directory |= 0x0080_0000 if large else TABLE
            bench.bus.write(DIRECTORY_ENTRY, directory)
            bench.bus.write(TABLE_ENTRY, table | 0x0070_5000)
            paging = Paging(CR3, wp=wp, pse=pse, pge=0)
            expected, memory = bench.reference(paging, LINEAR, user=user, store=store, clean=clean)
            bench.announced.clear()
            changed = {address >> 4 for address, value in memory.items() if bench.bus.memory[address] != value}
            bench.ask(ctx, bench.dut.data, paging, LINEAR, user=user, store=store, clean=clean)
            result = await bench.answer(ctx, bench.dut.data)
            bench.compare(result, expected)
            assert bench.bus.memory == memory, f"directory {directory:#x} table {table:#x}"
            assert changed == set(bench.announced)
            assert not bench.bus.locked
            count["fault" if result.fault else "page"] += 1

    bench.run(program)
    assert min(count.values()) > 100, count


def test_random_entries(rng):
    """Any bits in both entries (reserved, global, cache-disable), any authority, both sides asking."""
    bench = Bench(rng)
    seen = set()

    async def program(ctx):
        for _ in range(400):
            bits = P | RW | US if rng.random() < 0.7 else rng.randrange(8)
            pse = rng.randrange(2)
            if rng.random() < 0.4:
                directory = rng.randrange(1 << 12) | PS | bits | rng.randrange(1 << 10) << 22
                directory |= 1 << rng.randrange(12, 22) if rng.random() < 0.3 else 0
                if not pse:
                    directory = directory & 0xFFF | TABLE
            else:
                directory = rng.randrange(1 << 12) & ~PS | bits | TABLE
            bench.bus.write(DIRECTORY_ENTRY, directory)
            bench.bus.write(TABLE_ENTRY, rng.randrange(1 << 32) | bits)
            paging = Paging(CR3, wp=rng.randrange(2), pse=pse, pge=rng.randrange(2))
            side = rng.choice((bench.dut.data, bench.dut.fetch))
            user, authority = rng.randrange(2), rng.randrange(2)
            store = rng.randrange(2) if side is bench.dut.data else 0
            expected, memory = bench.reference(paging, LINEAR, user=user, store=store)
            first = len(bench.bus.log)
            bench.ask(ctx, side, paging, LINEAR, user=user, store=store, authority=authority)
            result = await bench.answer(ctx, side)
            bench.compare(result, expected)
            assert bench.bus.memory == memory
            assert all(r.authority == authority for r in bench.bus.log[first:])
            fault = isinstance(expected, PageFault)
            seen.add(expected.error if fault else (expected.large, expected.global_, expected.cache_disable))

    bench.run(program)
    assert {0, 9, 11} <= seen, seen
    assert set(product((0, 1), repeat=3)) <= seen, seen


def test_update_of_an_entry_that_changes(rng):
    """Another master changes the entry between the first read and the locked one: A and D go into the new one, or its fault is raised."""
    bench = Bench(rng)
    races = 0

    async def program(ctx):
        nonlocal races
        for _ in range(150):
            paging = Paging(CR3, wp=1, pse=0, pge=1)
            old = TABLE << 4 | P | RW | US | rng.choice((0, A))
            new = rng.choice((0, TABLE << 4, TABLE << 5)) | rng.choice((P, 0)) | rng.choice((RW, 0)) | US | rng.choice((A, 0, A | D)) | G
            bench.bus.write(DIRECTORY_ENTRY, TABLE | P | RW | US | A | PCD)
            bench.bus.write(TABLE_ENTRY, old)
            store = rng.randrange(2)
            raced = False

            def race(request, new=new):
                nonlocal raced
                if request.lock and not request.write:  # the locked read is about to see it
                    bench.bus.write(TABLE_ENTRY, new)
                    raced = True

            bench.bus.before = race
            expected_old, memory_old = bench.reference(paging, LINEAR, user=1, store=store)
            bench.ask(ctx, bench.dut.data, paging, LINEAR, user=1, store=store)
            result = await bench.answer(ctx, bench.dut.data)
            if not raced:
                bench.compare(result, expected_old)
                assert bench.bus.memory == memory_old
                continue
            races += 1
            bench.bus.before = lambda request: None
            after = dict(bench.bus.memory)
            bench.bus.write(TABLE_ENTRY, new)
            expected, memory = bench.reference(paging, LINEAR, user=1, store=store)
            bench.compare(result, expected)
            assert after == memory
            assert not bench.bus.locked

    bench.run(program)
    assert races > 30


def test_lock_is_kept_to_itself(rng):
    """Between the locked read and the write there is no other request; the lock ends with the write."""
    bench = Bench(rng)

    async def program(ctx):
        for store in (0, 1, 0, 1):
            bench.bus.write(DIRECTORY_ENTRY, TABLE | P | RW | US)
            bench.bus.write(TABLE_ENTRY, 0x5000 | P | RW | US)
            first = len(bench.bus.log)
            bench.ask(ctx, bench.dut.data, Paging(CR3, 1, 1, 1), LINEAR, user=1, store=store)
            await bench.answer(ctx, bench.dut.data)
            shape = [(r.address, r.write, r.lock) for r in bench.bus.log[first:]]
            assert shape == [
                (DIRECTORY_ENTRY, False, False), (DIRECTORY_ENTRY, False, True), (DIRECTORY_ENTRY, True, False),
                (TABLE_ENTRY, False, False), (TABLE_ENTRY, False, True), (TABLE_ENTRY, True, False),
            ]  # fmt: skip

    bench.run(program)


def test_fetch_side_waits_for_the_data_sides_lock(rng):
    """While the data side holds the bus locked the fetch side's walk changes nothing: it answers retry, and finishes when asked again."""
    bench = Bench(rng)

    async def program(ctx):
        bench.bus.write(DIRECTORY_ENTRY, TABLE | P | RW | US | A)
        bench.bus.write(TABLE_ENTRY, 0x5000 | P | RW | US)
        ctx.set(bench.dut.data_locked, 1)
        bench.ask(ctx, bench.dut.fetch, Paging(CR3, 1, 1, 1), LINEAR, user=1, store=0)
        result = await bench.answer(ctx, bench.dut.fetch)
        assert result.retry
        assert not any(r.lock or r.write for r in bench.bus.log)
        # The data side's own walk goes through.
        bench.ask(ctx, bench.dut.data, Paging(CR3, 1, 1, 1), LINEAR ^ 0x1000, user=1, store=0)
        result = await bench.answer(ctx, bench.dut.data)
        assert result.fault
        ctx.set(bench.dut.data_locked, 0)
        bench.ask(ctx, bench.dut.fetch, Paging(CR3, 1, 1, 1), LINEAR, user=1, store=0)
        result = await bench.answer(ctx, bench.dut.fetch)
        assert not result.retry
        assert not result.fault
        assert bench.bus.read(TABLE_ENTRY) & A

    bench.run(program)
