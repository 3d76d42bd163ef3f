"""cocotb tests of the exported Wishbone guard; ``test_wishbone.py`` runs them."""

import os
from dataclasses import replace
from typing import Any

import cocotb
from cocotb.triggers import Combine, RisingEdge
from cocotbext.wishbone.driver import WBOp

from chipset.export.wishbone_top import guarded_name
from cocotb_tests.chipset.dma_policy.policy_model import History
from cocotb_tests.chipset.export.wishbone_bench import MAP, ONES, PAGE, PAGES, Bench
from contracts.policy_map import GUARD, Format
from contracts.requesters import DMA_FIRST

__all__: list[str] = []

REQUESTERS = 3
OPEN, SHUT = 5, 6
MEMORY_PATIENCE, LONGEST_WAIT = 3, 100  # cycles: what memory takes for an access at most, and what nobody waits for
EDITS = int(os.environ.get("RANDOM_EDITS", "120"))


async def started(dut, **options) -> Bench:
    bench = Bench(dut, cocotb.RANDOM_SEED, requesters=REQUESTERS, **options)
    await bench.reset()
    return bench


@cocotb.test()
async def allowed_accesses_pass_unchanged(dut) -> None:
    """Reads, and writes of any bytes, one by one and several in one cycle, with the guard off and then on."""
    bench = await started(dut)
    rng = bench.rng
    for guarded in (False, True):
        if guarded:
            await bench.protect({OPEN})
        for n in range(60):
            port = bench.ports[n % REQUESTERS]
            first = OPEN * PAGE + 4 * rng.randrange(1000)
            operations, memory = [], bytearray(bench.memory.data)
            expected: list[int | None] = []
            for at in range(first, first + 4 * rng.randrange(1, 5), 4):
                if rng.random() < 0.5:
                    operations.append(WBOp(at, idle=rng.randrange(3)))
                    expected.append(int.from_bytes(memory[at : at + 4], "little"))
                else:
                    word, select = rng.getrandbits(32), rng.randrange(16)
                    operations.append(WBOp(at, word, sel=select))
                    expected.append(None)
                    for lane in range(4):
                        if select >> lane & 1:
                            memory[at + lane] = word >> 8 * lane & 0xFF
            got = await bench.within(port.access(operations))
            assert all(good for _, good in got)
            assert all(want is None or want == word for want, (word, _) in zip(expected, got, strict=True))
            assert bench.memory.data == memory


@cocotb.test()
async def refused_accesses_change_and_tell_nothing(dut) -> None:
    """The same accesses before and after the guard is on; each refusal is logged, and what is allowed gets through after it."""
    bench = await started(dut)
    for guarded in (False, True):
        if guarded:
            await bench.protect({OPEN})
        for n in range(30):
            port = bench.ports[n % REQUESTERS]
            address = SHUT * PAGE + 4 * bench.rng.randrange(1024)
            word = bench.peek(address)
            read = await bench.within(port.read(address))
            written = await bench.within(port.write(address, ~word & ONES))
            if not guarded:
                assert read == (word, True) and written
                assert bench.peek(address) == ~word & ONES
                continue
            assert read == (ONES, False) and not written
            assert bench.peek(address) == word
            assert not any(a.address // PAGE == SHUT for a in bench.memory.accesses[-2:])
            assert int(dut.irq.value)
            assert await bench.get("LOG_ADDRESS") == address
            assert await bench.get("LOG_INFO") == GUARD["LOG_INFO"].field("REQUESTER").put(DMA_FIRST + n % REQUESTERS)
            await bench.put("STATUS", GUARD["STATUS"].field("DENIED").mask)
            assert not int(dut.irq.value)
            assert await bench.within(port.read(OPEN * PAGE)) == (bench.peek(OPEN * PAGE), True)
            assert await bench.within(port.write(OPEN * PAGE, n))
    assert await bench.get("DENIED_COUNT") == 60


@cocotb.test()
async def a_map_that_is_edited_counts_at_once(dut) -> None:
    """By the next access after the edit has been answered, by every port."""
    bench = await started(dut)
    await bench.protect(set())
    opened: set[int] = set()
    verdicts = set()
    for n in range(100):
        page = bench.rng.choice((2, 3, 40))
        if bench.rng.random() < 0.6:
            opened ^= {page}
            value = sum(1 << p % 32 for p in opened if p // 32 == page // 32)
            assert await bench.within(bench.trusted.write(MAP + 4 * (page // 32), value, 1 << page % 32 // 8))
        _, good = await bench.within(bench.ports[n % REQUESTERS].read(page * PAGE + 4 * n))
        assert good == (page in opened)
        verdicts.add(good)
    assert verdicts == {False, True}


@cocotb.test()
async def a_map_that_cannot_be_read_closes_everything(dut) -> None:
    """And its failure is no verdict for the next access."""
    bench = await started(dut)
    await bench.protect({OPEN})
    bench.memory.fails = lambda address: address & ~7 == MAP
    assert await bench.within(bench.ports[0].read(OPEN * PAGE)) == (ONES, False)
    assert await bench.get("STATUS") == GUARD["STATUS"].field("DENIED").mask | GUARD["STATUS"].field("MAP_ERROR").mask
    bench.memory.fails = lambda address: False
    assert (await bench.within(bench.ports[0].read(OPEN * PAGE)))[1]
    await bench.put("MAP_LENGTH", 0)
    assert await bench.within(bench.ports[0].read(OPEN * PAGE)) == (ONES, False)


@cocotb.test()
async def an_error_of_memory_is_handed_on(dut) -> None:
    """Without its data."""
    bench = await started(dut)
    bench.memory.fails = lambda address: address == OPEN * PAGE
    assert await bench.within(bench.ports[1].read(OPEN * PAGE)) == (ONES, False)
    assert not await bench.within(bench.trusted.write(OPEN * PAGE, 1))
    assert (await bench.within(bench.ports[1].read(OPEN * PAGE + 4)))[1]


@cocotb.test()
async def a_master_that_changes_its_mind_changes_nothing(dut) -> None:
    """An allowed address that becomes another one, or nothing, while the access is under way: memory sees the first one alone."""
    bench = await started(dut, patience=6)
    await bench.protect({OPEN})
    prefix = guarded_name(0)
    stb, cyc, adr, we, dat = (getattr(dut, f"{prefix}_{s}_i") for s in ("stb", "cyc", "adr", "we", "dat"))
    before = bytes(bench.memory.data)
    for n in range(40):
        adr.value, we.value, dat.value, cyc.value, stb.value = OPEN * PAGE, 0, 0, 1, 1
        for _ in range(n % 10 + 1):
            await RisingEdge(dut.clk)
        adr.value, we.value = SHUT * PAGE, 1
        await RisingEdge(dut.clk)
        stb.value, cyc.value = 0, 0
        await bench.cycles(40)
        assert (await bench.within(bench.ports[1].read(OPEN * PAGE)))[1], "others are served"
        assert (await bench.within(bench.ports[2].read(40 * PAGE)))[1] is False, "a miss of another port is looked up"
    assert bytes(bench.memory.data) == before
    assert not any(a.address // PAGE == SHUT for a in bench.memory.accesses)


@cocotb.test()
async def a_flood_of_refusals_leaves_the_others_their_share(dut) -> None:
    """One port is refused as fast as it asks, or is served instead: the others are no slower for the refusals. If each of its accesses
    misses, too, a read of the map takes its turn at memory in an access's place."""
    bench = await started(dut, patience=1)
    times = {}

    async def work(port: int) -> None:
        for n in range(60):
            assert (await bench.ports[port].read(OPEN * PAGE + 4 * n))[1]

    await bench.protect({OPEN})
    served, hits, misses = (OPEN,), (SHUT,), (SHUT, SHUT + 32)
    for pages in (served, hits, misses):
        stop: list[int] = []

        async def flood(pages=pages, stop=stop) -> int:
            count = 0
            while not stop:
                await bench.ports[2].access([WBOp(pages[n % len(pages)] * PAGE) for n in range(4)])
                count += 4
            return count

        flooding = cocotb.start_soon(flood())
        start = bench.now()
        await bench.within(Combine(*(cocotb.start_soon(work(port)) for port in (0, 1))))
        times[pages] = bench.now() - start
        stop.append(True)
        assert await bench.within(flooding) > 20
    assert times[hits] <= times[served] * 1.05
    assert times[misses] <= times[served] * 1.05


@cocotb.test()
async def the_map_and_the_launch_region_are_out_of_reach(dut) -> None:
    """Whatever the map says; and the guard itself reads a map that lies in the launch region. Without protection both are as any memory."""
    bench = await started(dut)
    region, inside, port = MAP & ~0xFFFF, (0, 0xFFFC), bench.ports[1]
    word = bench.peek(MAP)
    assert await bench.within(port.read(MAP)) == (word, True)
    assert await bench.within(port.write(MAP, ~word & ONES)) and bench.peek(MAP) == ~word & ONES
    await bench.put("LAUNCH_BASE", region)
    await bench.put("LAUNCH_CONTROL", 1)
    assert await bench.within(port.read(MAP)) == (ONES, False)
    await bench.protect(set(range(PAGES)))
    before = bytes(bench.memory.data)
    for offset in inside:
        assert await bench.within(port.read(region + offset)) == (ONES, False)
        assert not await bench.within(port.write(region + offset, 0))
    assert await bench.within(port.read(region - 4)) == (bench.peek(region - 4), True)
    await bench.put("LAUNCH_CONTROL", 0)
    assert await bench.within(port.read(MAP)) == (bench.peek(MAP), True)
    assert not await bench.within(port.write(MAP, 0))
    assert not await bench.within(port.write(MAP + PAGE - 4, 0))
    assert bytes(bench.memory.data) == before
    assert await bench.within(port.write(MAP + PAGE, 0)) and await bench.within(port.write(MAP - 4, 0))


@cocotb.test()
async def nobody_waits_for_long(dut) -> None:
    """Each access of three ports is a miss, every other one refused, while the trusted port writes to the map without a pause: whatever is
    asked is answered in bounded time."""
    bench = await started(dut, patience=MEMORY_PATIENCE)
    allowed = {2, 40}
    await bench.protect(allowed)
    stop: list[int] = []
    waits: dict[bool, list[int]] = {True: [], False: []}

    async def asks(number: int) -> None:
        port = bench.ports[number]
        while not stop:
            for page, write in ((2, False), (41, False), (3, True), (40, True)):
                address, start = page * PAGE + 64 * number, bench.now()
                good = await bench.within(port.write(address, number)) if write else (await bench.within(port.read(address)))[1]
                assert good == (page in allowed)
                waits[good].append(bench.now() - start)

    async def edits() -> None:
        while not stop:
            for word, page in enumerate(sorted(allowed)):
                assert await bench.within(bench.trusted.write(MAP + 4 * word, 1 << page % 32))

    tasks = [cocotb.start_soon(task) for task in (*(asks(number) for number in range(REQUESTERS)), edits())]
    await bench.cycles(3000)
    stop.append(True)
    for task in tasks:
        await bench.within(task)
    for found in waits.values():
        assert len(found) > 40
        assert max(found) < LONGEST_WAIT, max(found)


@cocotb.test()
async def registers_take_whole_words(dut) -> None:
    """A narrower write ends with an error and changes nothing; once on, the guard stays on."""
    bench = await started(dut)
    await bench.put("LAUNCH_BASE", 0x1234_0000)
    assert not await bench.registers.write(GUARD["LAUNCH_BASE"].at(), 0, 0x3)
    assert await bench.get("LAUNCH_BASE") == 0x1234_0000
    await bench.put("CONTROL", 1)
    await bench.put("CONTROL", 0)
    assert await bench.get("CONTROL") & 1
    await bench.put("DEVICE_RESET", 0b101)
    assert int(dut.device_reset.value) == 0b101
    dut.device_idle.value = 0b110
    await bench.cycles(1)
    assert await bench.get("DEVICE_IDLE") == 0b110


@cocotb.test()
async def random_traffic_while_the_policy_changes(dut) -> None:
    """Every verdict is one of a policy that was in force between question and answer; a commit leaves nothing of an older one."""
    bench = await started(dut)
    rng = bench.rng
    history = History()
    records, finished = [], []

    async def change(act, *, commits: bool, **changes: Any) -> None:
        version = history.begin(replace(history.last, **changes), bench.now(), commits=commits)
        await bench.within(act)
        version.done = bench.now()

    async def store(address: int, word: int) -> None:
        await change(bench.trusted.write(address, word), commits=False, words={**history.last.words, address: word})

    async def edit() -> None:
        for n in range(REQUESTERS):
            for word in range(2):
                await store(MAP + 0x100 * n + 4 * word, rng.getrandbits(32))
            bases = tuple(MAP + 0x100 * n if k == n else b for k, b in enumerate(history.last.bases))
            await change(bench.put("MAP_BASE", bases[n], n), commits=True, bases=bases)
            lengths = tuple(8 if k == n else b for k, b in enumerate(history.last.lengths))
            await change(bench.put("MAP_LENGTH", 8, n), commits=True, lengths=lengths)
        await change(bench.put("CONTROL", 1), commits=True, enable=True)
        for _ in range(EDITS):
            await bench.cycles(rng.choice((0, 5, 30)))
            chance = rng.random()
            if chance < 0.6:
                await store(MAP + 0x100 * rng.randrange(REQUESTERS) + 4 * rng.randrange(2), rng.getrandbits(32))
            elif chance < 0.8:
                fmt = rng.choice((0, 1, 2))
                await change(bench.switch_on(Format(fmt)), commits=True, fmt=fmt)
            else:
                n = rng.randrange(REQUESTERS)
                length = rng.choice((0, 4, 8, 8))
                lengths = tuple(length if k == n else b for k, b in enumerate(history.last.lengths))
                await change(bench.put("MAP_LENGTH", length, n), commits=True, lengths=lengths)
        finished.append(True)

    async def work(port: int) -> None:
        while not finished:
            address = rng.choice((3, 4, 20, 33, rng.randrange(PAGES))) * PAGE + 0x200 * (1 + port) + 4 * rng.randrange(64)
            write = rng.random() < 0.5
            asked = bench.now()
            if write:
                good = await bench.within(bench.ports[port].write(address, 0xA000_0000 | port << 24 | rng.getrandbits(24)))
            else:
                word, good = await bench.within(bench.ports[port].read(address))
                assert word >> 24 in (0, 0xA0 | port) if good else word == ONES
            records.append((port, address, write, asked, bench.now(), good))
            await bench.cycles(rng.choice((0, 0, 2, 9)))

    async def watch() -> None:
        """No port's wires show what others read."""
        while not finished:
            for port in range(REQUESTERS):
                shown = int(getattr(dut, f"{guarded_name(port)}_dat_o").value)
                assert shown in (0, ONES) or shown >> 24 == 0xA0 | port, f"port {port} shows {shown:#x}"
            await bench.cycles(1)

    bench.memory.data[:] = bytes(len(bench.memory.data))
    watching = cocotb.start_soon(watch())
    working = [cocotb.start_soon(work(port)) for port in range(REQUESTERS)]
    await edit()
    await bench.within(Combine(*working))
    await bench.within(watching)
    for port, address, write, asked, ended, good in records:
        assert good in history.verdicts(port, address, write, asked=asked, ended=ended), (port, hex(address), write, asked, ended, good)
    admitted = sum(r[-1] for r in records)
    assert admitted > 30 and len(records) - admitted > 30
