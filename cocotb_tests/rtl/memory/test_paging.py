"""Accesses and fetches through page tables: two address spaces, edits and flushes, page crossings, against the reference translation."""

import pytest

from cocotb_tests.rtl.memory.bench import Bench, Fault, Refused
from cocotb_tests.rtl.memory.tables import Tables
from cocotb_tests.rtl.mmu.reference import RW, US, A, D, P, PageFault
from rtl.arch.special import TlbFlush
from rtl.memory.port import AccessKind

ALL = P | RW | US


def value_of(memory: dict[int, int], addresses: list[int]) -> int:
    return sum(memory.get(address, 0) << 8 * n for n, address in enumerate(addresses))


def enter(bench, ctx, tables, space, *, user=0) -> None:
    """Makes one of the two address spaces the present one, for both sides."""
    paging = tables.paging[space]
    bench.state(ctx, pg=1, pe=1, wp=paging.wp, pse=paging.pse, pge=paging.pge, cr3=paging.cr3, asid=space + 1, cpl=3 * user)


def test_random_accesses(rng):
    """Loads, stores, read-modify-writes and fetches in two address spaces; every table edit is followed by a flush that covers it."""
    bench = Bench(rng, latency=(1, 3), stall=0.1)
    count = {"load": 0, "store": 0, "fault": 0, "fetch": 0, "crossing": 0, "refused": 0}

    async def program(ctx):
        tables = Tables(bench.memory, rng)
        space = 0
        mirror = dict(bench.memory.memory)
        enter(bench, ctx, tables, space)
        for _ in range(900):
            if rng.random() < 0.06:
                space = 1 - space
                enter(bench, ctx, tables, space)
            if rng.random() < 0.08:
                await bench.drain(ctx)
                assert bench.memory.memory == mirror
                edited = rng.randrange(2)
                page = rng.choice(tables.pages)
                if rng.random() < 0.3:
                    tables.edit_directory(edited, page)
                    whole = True
                else:
                    tables.edit_table(edited, page)
                    whole = False
                mirror = dict(bench.memory.memory)
                order = rng.choice((TlbFlush.EVERYTHING, TlbFlush.ASID_ALL, *(() if whole else (TlbFlush.ASID_PAGE,))))
                if not whole and edited == space and rng.random() < 0.5:
                    await bench.maintain(ctx, "invalidate_page", page << 12 | rng.randrange(1 << 12))
                else:
                    await bench.maintain(ctx, "flush_tlb", order.value | (edited + 1) << 4 | page << 12)
            page = rng.choice(tables.pages)
            user = rng.randrange(2)
            if rng.random() < 0.25:  # a fetch
                enter(bench, ctx, tables, space, user=user)
                linear = page << 12 | rng.randrange(256) << 4
                expected, _ = tables.translate_access(mirror, space, linear, 16, user=user, store=0)
                try:
                    data, physical = await bench.fetch(ctx, linear)
                except Fault as fault:
                    assert isinstance(expected, PageFault), f"fetch from {linear:#x} faults"
                    assert fault.error == expected.error
                    count["fault"] += 1
                else:
                    assert physical == expected[0] >> 4
                    assert data == value_of(mirror, expected)
                    count["fetch"] += 1
                continue
            size = rng.choice((1, 2, 4))
            at_end = rng.random() < 0.3
            linear = page << 12 | (rng.randrange(0xFFD, 0x1000) if at_end else rng.choice((0x000, 0x7FC, 0xFF0)) + rng.randrange(16))
            kind = rng.choice((AccessKind.LOAD, AccessKind.STORE, AccessKind.READ_MODIFY_WRITE))
            store = int(kind != AccessKind.LOAD)
            lock = int(kind == AccessKind.READ_MODIFY_WRITE and rng.random() < 0.3)
            misaligned = int(linear % size != 0 and rng.random() < 0.3)
            expected, address = tables.translate_access(mirror, space, linear, size, user=user, store=store, clean=misaligned)
            try:
                result = await bench.request(ctx, kind, linear, size, translate=1, user=user, lock=lock, misaligned=misaligned)
            except Refused:
                assert misaligned and not isinstance(expected, PageFault), f"{kind} at {linear:#x} is refused"
                await bench.drain(ctx)
                assert bench.memory.memory == mirror  # nothing but accessed bits
                count["refused"] += 1
                continue
            except Fault as fault:
                assert isinstance(expected, PageFault), f"{kind} at {linear:#x} faults"
                assert (fault.error, fault.address) == (expected.error, address)
                await bench.drain(ctx)
                assert bench.memory.memory == mirror  # nothing but accessed and dirty bits
                count["fault"] += 1
                count["crossing"] += address != linear
                continue
            assert not isinstance(expected, PageFault) and not misaligned, f"{kind} at {linear:#x} does not fault"
            assert (result.physical, result.physical_last) == (expected[0], expected[-1])
            if kind != AccessKind.STORE:
                assert result.data == value_of(mirror, expected)
                count["load"] += 1
            if store:
                value = rng.randrange(1 << 8 * size)
                await bench.commit(ctx, value)
                mirror.update({where: value >> 8 * n & 0xFF for n, where in enumerate(expected)})
                count["store"] += 1
        await bench.drain(ctx)
        assert bench.memory.memory == mirror

    bench.run(program)
    assert min(count.values()) > 2, count


@pytest.mark.parametrize("covers", [True, False])
@pytest.mark.parametrize("side", ["data", "fetch"])
def test_flushes(rng, covers, side):
    """A flush that covers an entry makes a change seen, and one that does not leaves the entry: tables change without telling."""
    bench = Bench(rng)
    page, other = 0x400, 0x401
    current, foreign = 1, 2
    word = {
        "current non-global": (TlbFlush.CURRENT_NON_GLOBAL, 0, 0, 0),
        "current all": (TlbFlush.CURRENT_ALL, 0, 0, 1),
        "everything": (TlbFlush.EVERYTHING, 0, 0, 1),
        "asid": (TlbFlush.ASID_ALL, current, 0, 1),
        "asid non-global": (TlbFlush.ASID_NON_GLOBAL, current, 0, 0),
        "asid page": (TlbFlush.ASID_PAGE, current, page, 1),
    }  # each with whether the entry may be global
    misses = {
        "current non-global": (TlbFlush.CURRENT_NON_GLOBAL, 0, 0, 1),
        "asid": (TlbFlush.ASID_ALL, foreign, 0, 0),
        "asid non-global": (TlbFlush.ASID_NON_GLOBAL, current, 0, 1),
        "foreign non-global": (TlbFlush.ASID_NON_GLOBAL, foreign, 0, 0),
        "asid page": (TlbFlush.ASID_PAGE, foreign, page, 0),
        "other page": (TlbFlush.ASID_PAGE, current, other, 0),
    }

    async def look(ctx):
        if side == "data":
            return (await bench.request(ctx, AccessKind.LOAD, page << 12, 4, translate=1)).physical >> 12
        return (await bench.fetch(ctx, page << 12))[1] >> 8

    async def program(ctx):
        bench.state(ctx, pg=1, pe=1, pge=1, cr3=0x1000, asid=current)
        bench.memory.write(0x1000 + 4, 0x2000 | ALL | A)
        for name, (kind, asid, at, is_global) in (word if covers else misses).items():
            bench.memory.write(0x2000, 0x10000 | ALL | A | is_global << 8)
            await bench.maintain(ctx, "flush_tlb", TlbFlush.EVERYTHING.value)
            assert await look(ctx) == 0x10
            bench.memory.write(0x2000, 0x11000 | ALL | A | is_global << 8)
            assert await look(ctx) == 0x10
            await bench.maintain(ctx, "flush_tlb", kind.value | asid << 4 | at << 12)
            assert await look(ctx) == (0x11 if covers else 0x10), name

    bench.run(program)


def test_invalidate_page_drops_all_of_a_large_page(rng):
    """INVLPG of any address of a 4 MiB page drops every part of it, global or not, on both sides; the other address space keeps its own."""
    bench = Bench(rng)

    async def program(ctx):
        for first, second in ((0x400, 0x800), (0x800, 0x400)):
            bench.state(ctx, pg=1, pe=1, pse=1, pge=1, cr3=0x1000, asid=1)
            bench.memory.write(0x1004, first << 12 | ALL | A | D | 0x180)
            await bench.maintain(ctx, "flush_tlb", TlbFlush.EVERYTHING.value)
            for _ in range(2):
                assert (await bench.request(ctx, AccessKind.LOAD, 0x401123, 1, translate=1)).physical == (first + 1) << 12 | 0x123
                assert (await bench.fetch(ctx, 0x402450))[1] == ((first + 2) << 12 | 0x450) >> 4
                bench.memory.write(0x1004, second << 12 | ALL | A | D | 0x180)
            bench.state(ctx, asid=2)
            await bench.maintain(ctx, "invalidate_page", 0x7FF000)
            bench.state(ctx, asid=1)
            assert (await bench.request(ctx, AccessKind.LOAD, 0x401123, 1, translate=1)).physical == (first + 1) << 12 | 0x123
            await bench.maintain(ctx, "invalidate_page", 0x7FF000)
            assert (await bench.request(ctx, AccessKind.LOAD, 0x401123, 1, translate=1)).physical == (second + 1) << 12 | 0x123
            assert (await bench.fetch(ctx, 0x402450))[1] == ((second + 2) << 12 | 0x450) >> 4

    bench.run(program)


def test_page_crossing_faults_write_nothing(rng):
    """A store whose second page cannot be written changes no byte of the first, cached or not, and sends nothing to the bus but walks."""
    bench = Bench(rng)

    async def program(ctx):
        bench.state(ctx, pg=1, pe=1, wp=1, cr3=0x1000, asid=1)
        bench.memory.write(0x1004, 0x2000 | ALL | A)
        for first, second in ((0x10000 | ALL, 0), (0x80000000 | ALL, 0x11000 | P), (0, 0x10000 | ALL), (0x10000 | P, 0x11000 | ALL)):
            bench.memory.write(0x2000, first | A | D)
            bench.memory.write(0x2004, second | A | D)
            await bench.maintain(ctx, "flush_tlb", TlbFlush.EVERYTHING.value)
            before, memory = len(bench.memory.log), dict(bench.memory.memory)
            with pytest.raises(Fault) as caught:
                await bench.request(ctx, AccessKind.READ_MODIFY_WRITE, 0x400FFE, 4, translate=1, lock=rng.randrange(2))
            assert caught.value.address == (0x400FFE if first & (P | RW) != P | RW else 0x401000)
            await bench.drain(ctx)
            assert bench.memory.memory == memory
            assert all(r.address >> 12 in (1, 2) for r in bench.memory.log[before:])
            assert not bench.memory.locked

    bench.run(program)


def test_fault_while_locked_unlocks(rng):
    """A page fault between locked accesses does not leave the bus locked."""
    bench = Bench(rng)

    async def program(ctx):
        bench.state(ctx, pg=1, pe=1, cr3=0x1000, asid=1)
        bench.memory.write(0x1004, 0x2000 | ALL)
        bench.memory.write(0x2000, 0x10000 | ALL)
        await bench.load(ctx, 0x400FFC, translate=1, lock=1)
        assert bench.memory.locked
        with pytest.raises(Fault):
            await bench.load(ctx, 0x401000, translate=1, lock=1)
        await bench.drain(ctx)
        assert not bench.memory.locked
        assert bench.memory.log[-1].mask == 0

    bench.run(program)


def test_widened_rights_need_no_flush(rng):
    """An entry whose rights are too narrow is looked up in memory again before a fault; a fault drops it."""
    bench = Bench(rng)

    async def program(ctx):
        bench.state(ctx, pg=1, pe=1, wp=1, cr3=0x1000, asid=1)
        bench.memory.write(0x1004, 0x2000 | ALL)
        bench.memory.write(0x2000, 0x10000 | P)
        await bench.load(ctx, 0x400000, translate=1)
        bench.memory.write(0x2000, 0x10000 | ALL)
        await bench.store(ctx, 0x400000, 1, translate=1, user=1)
        bench.memory.write(0x2000, 0x11000 | P | US)
        assert (await bench.request(ctx, AccessKind.LOAD, 0x400000, 4, translate=1)).physical == 0x10000
        bench.memory.write(0x2000, 0x11000 | ALL)  # dirty is not set in the entry that is kept
        await bench.maintain(ctx, "flush_tlb", TlbFlush.CURRENT_ALL.value)
        await bench.load(ctx, 0x400000, translate=1)
        bench.memory.write(0x2000, 0x11000 | P)
        with pytest.raises(Fault):
            await bench.request(ctx, AccessKind.STORE, 0x400000, 4, translate=1)
        bench.memory.write(0x2000, 0x12000 | P)
        assert (await bench.request(ctx, AccessKind.LOAD, 0x400000, 4, translate=1)).physical == 0x12000

    bench.run(program)


def test_walks_see_older_stores_and_loads_see_the_walker(rng):
    """A table entry still in the store buffer is seen by the walk, and a cached table entry gets its accessed bit."""
    bench = Bench(rng, stall=0.8)

    async def program(ctx):
        bench.state(ctx, pg=1, pe=1, cr3=0x1000, asid=1)
        assert await bench.load(ctx, 0x2000) == 0
        await bench.store(ctx, 0x1004, 0x2000 | ALL)
        await bench.store(ctx, 0x2000, 0x10000 | ALL)
        await bench.load(ctx, 0x2000)
        await bench.request(ctx, AccessKind.STORE, 0x400123, 1, translate=1)
        await bench.cancel(ctx)
        assert await bench.load(ctx, 0x2000) == 0x10000 | ALL | A | D
        assert await bench.load(ctx, 0x1004) == 0x2000 | ALL | A

    bench.run(program)


def test_asid_that_does_not_fit(rng):
    """An ASID beyond the tag's width works, and never shares an entry with the ASID it would be cut to."""
    bench = Bench(rng)

    async def program(ctx):
        for asid, directory in ((0, 0x1000), (4, 0x5000), (0, 0x1000)):  # tags have two bits
            bench.state(ctx, pg=1, pe=1, cr3=directory, asid=asid)
            bench.memory.write(directory + 4, directory + 0x1000 | ALL)
            bench.memory.write(directory + 0x1000, 0x10000 + directory | ALL)
            for _ in range(2):
                assert (await bench.request(ctx, AccessKind.LOAD, 0x400000, 4, translate=1)).physical == 0x10000 + directory
                assert (await bench.fetch(ctx, 0x400010))[1] == 0x1001 + (directory >> 4)

    bench.run(program)
