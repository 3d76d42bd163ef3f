"""cocotb tests of the exported AXI4 guard among masters that stall, flood and race with commits; ``test_axi.py`` runs them."""

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import cocotb
from cocotb.triggers import Combine, RisingEdge
from cocotbext.axi import AxiResp

from chipset.export.axi_top import guarded_name
from cocotb_tests.chipset.export.axi_bench import MAP, ONES, PAGE, Bench
from cocotb_tests.chipset.export.axi_under_cocotb import OPEN, REQUESTERS, SHUT, started

__all__: list[str] = []

STALL_LIMIT = 256  # of the design
LONGEST_WAITS = {0: 150, 4: 1000}  # cycles that nobody waits for, by how seldom memory gives a beat: in one of so many cycles and one
SLACK = 100  # cycles, for all that is not a stall
BASE = OPEN * PAGE


async def timed(bench: Bench, awaitable) -> int:
    """How many cycles it takes."""
    start = bench.now()
    await bench.within(awaitable)
    return bench.now() - start


async def stream(bench: Bench, number: int, bursts: int, beats: int, *, pages: Sequence[int] = (OPEN,)) -> None:
    """Reads and writes side by side, in the pages in turn, asked for as early as the guard takes them."""
    device = bench.ports[number]

    async def ask() -> None:
        for n in range(bursts):
            await device.ask_read(pages[n % len(pages)] * PAGE + 4 * beats * n, beats)

    async def send() -> None:
        for n in range(bursts):
            await device.ask_write(pages[n % len(pages)] * PAGE + 4 * beats * n, beats)
            for k in range(beats):
                await device.send_beat(k, k == beats - 1)

    async def take(allowed: bool) -> None:
        for _ in range(bursts):
            assert (await device.take_read(beats)).good == allowed

    async def answers(allowed: bool) -> None:
        for _ in range(bursts):
            assert (await device.take_answer() == AxiResp.OKAY) == allowed

    allowed = OPEN in pages
    await Combine(*(cocotb.start_soon(part) for part in (ask(), send(), take(allowed), answers(allowed))))


@cocotb.test()
async def a_hit_costs_no_cycle(dut) -> None:
    """A beat a cycle in both directions at once, and exactly as many cycles with the guard on as off."""
    bench = await started(dut, patience=0)
    bursts, beats = 16, 16
    times = {}
    for guarded in (False, True):
        if guarded:
            await bench.protect({OPEN})
            await bench.ports[0].read(BASE)
            await bench.ports[0].write(BASE, [0])
        times[guarded] = await timed(bench, stream(bench, 0, bursts, beats))
    assert times[True] == times[False]
    assert times[True] < bursts * beats * 1.02 + 40
    # Single beats too: one a cycle.
    single = await timed(bench, reads_alone(bench, 200))
    assert single < 200 * 1.02 + 40
    single = await timed(bench, writes_alone(bench, 200))
    assert single < 200 * 1.02 + 40


async def reads_alone(bench: Bench, count: int) -> None:
    device = bench.ports[0]

    async def ask() -> None:
        for n in range(count):
            await device.ask_read(BASE + 4 * n)

    asking = cocotb.start_soon(ask())
    for _ in range(count):
        assert (await device.take_read()).good
    await asking


async def writes_alone(bench: Bench, count: int) -> None:
    device = bench.ports[0]

    async def ask() -> None:
        for n in range(count):
            await device.ask_write(BASE + 4 * n, 1)
            await device.send_beat(n, True)

    asking = cocotb.start_soon(ask())
    for _ in range(count):
        assert await device.take_answer() == AxiResp.OKAY
    await asking


@cocotb.test()
async def a_flood_of_refusals_takes_nothing_from_others(dut) -> None:
    """Two ports at work, the third one is refused as fast as it can ask: no slower than without it. If each of its accesses misses,
    too, others lose no more than the guard's reads of the map take."""
    bench = await started(dut, patience=0)
    await bench.protect({OPEN})
    hits, misses = (SHUT,), (SHUT, SHUT + 32)
    times, walks = {}, {}
    for flood in ((), hits, misses):
        stop: list[int] = []

        async def refused(stop=stop, flood=flood) -> int:
            count = 0
            while not stop:
                await stream(bench, 2, 8, 1, pages=flood)
                count += 16
            return count

        await stream(bench, 0, 1, 1)
        await stream(bench, 1, 1, 1)
        before = await bench.get("DENIED_COUNT")
        asked = len(bench.memory.bursts)
        flooding = cocotb.start_soon(refused()) if flood else None
        working = [cocotb.start_soon(stream(bench, n, 16, 16)) for n in (0, 1)]
        times[flood] = await timed(bench, Combine(*working))
        stop.append(True)
        walks[flood] = sum(burst.port > REQUESTERS for burst in bench.memory.bursts[asked:])
        if flooding:
            count = await bench.within(flooding)
            assert await bench.get("DENIED_COUNT") == before + count
            assert count > (30 if flood == hits else 10)
    assert walks[misses] > 8 > walks[hits]
    assert times[hits] < times[()] * 1.05
    assert times[misses] < times[()] * 1.05 + walks[misses]


@cocotb.test()
async def write_data_that_stop_are_cut(dut) -> None:
    """A master that sends an address and one beat of eight: others write, a commit completes, nothing of the rest reaches memory."""
    bench = await started(dut)
    await bench.protect({OPEN})
    hostile, other = bench.ports[0], bench.ports[1]
    await hostile.ask_write(BASE, 8, ident=7)
    await hostile.send_beat(0x1111_1111, False)
    while not any(b.write and b.port == 0 for b in bench.memory.bursts):
        await bench.cycles(1)
    took = await timed(bench, other.write(BASE + 0x100, [1, 2]))
    assert STALL_LIMIT // 2 < took < STALL_LIMIT + SLACK
    assert await timed(bench, bench.put("LAUNCH_BASE", 0)) < SLACK
    before = bytes(bench.memory.data)
    for n in range(7):
        await hostile.send_beat(0x2222_2222, n == 6)
    assert await bench.within(hostile.take_answer(7)) == AxiResp.SLVERR
    assert next(b for b in bench.memory.bursts if b.port == 0).strobes == [0xF] + [0] * 7
    assert bench.peek(BASE)[0] == 0x1111_1111
    assert bytes(bench.memory.data) == before
    assert await bench.within(hostile.write(BASE, [5] * 8)) == AxiResp.OKAY
    assert bench.peek(BASE, 8) == [5] * 8


@cocotb.test()
async def an_address_without_data_holds_up_nobody(dut) -> None:
    """The write channel is a burst's only from its first beat on."""
    bench = await started(dut)
    await bench.protect({OPEN})
    await bench.ports[0].ask_write(BASE, 8)
    await bench.cycles(10)
    assert await timed(bench, bench.ports[1].write(BASE + 0x100, [1, 2])) < SLACK
    assert await timed(bench, bench.put("LAUNCH_BASE", 0)) < SLACK
    assert not any(b.port == 0 for b in bench.memory.bursts)


@cocotb.test()
async def answers_that_nobody_takes_are_dropped(dut) -> None:
    """A master that asks for 64 beats and takes none: others read, a commit completes; it gets 64 beats, the later ones errors."""
    bench = await started(dut)
    await bench.protect({OPEN})
    hostile, other = bench.ports[0], bench.ports[1]
    hostile.r.pause = True
    for n in range(2):
        await hostile.ask_read(BASE, 64, ident=n)
    await bench.cycles(40)
    took = await timed(bench, other.read(BASE + 0x100, 4))
    assert took < STALL_LIMIT + SLACK
    expected = bench.peek(BASE, 64)
    assert await timed(bench, bench.put("LAUNCH_BASE", 0)) < STALL_LIMIT + SLACK
    assert await bench.within(bench.trusted.write(BASE, [0] * 64)) == AxiResp.OKAY
    hostile.r.pause = False
    for n in range(2):
        read = await bench.within(hostile.take_read(64, n))
        good = read.responses.index(AxiResp.SLVERR)
        assert good < 8 if n == 0 else good == 0
        assert read.words == expected[:good] + [ONES] * (64 - good)
        assert set(read.responses[good:]) == {AxiResp.SLVERR}
    assert (await bench.within(hostile.read(BASE + 0x400, 64))).words == bench.peek(BASE + 0x400, 64)


@cocotb.test()
async def answers_to_writes_that_nobody_takes_hold_up_nobody(dut) -> None:
    """As many writes as the guard keeps answers for, and more."""
    bench = await started(dut)
    await bench.protect({OPEN})
    hostile = bench.ports[0]
    hostile.b.pause = True

    async def ask() -> None:
        for n in range(20):
            await hostile.ask_write(BASE + 4 * n, 1)
            await hostile.send_beat(n, True)

    asking = cocotb.start_soon(ask())
    await bench.cycles(400)
    assert not asking.done()
    assert await timed(bench, bench.ports[1].write(BASE + 0x100, [1])) < SLACK
    assert await timed(bench, bench.put("LAUNCH_BASE", 0)) < SLACK
    hostile.b.pause = False
    for _ in range(20):
        assert await bench.within(hostile.take_answer()) == AxiResp.OKAY
    assert bench.peek(BASE, 20) == list(range(20))


@cocotb.test()
async def a_commit_waits_for_what_is_in_flight(dut) -> None:
    """It takes the page away while bursts of all ports are at a slow memory."""
    bench = await started(dut, patience=8)
    await bench.protect({OPEN})
    for _ in range(10):
        working = [cocotb.start_soon(stream(bench, n, 3, 8)) for n in range(REQUESTERS)]
        await bench.cycles(bench.rng.randrange(20, 200))
        start = bench.now()
        await bench.within(bench.put("LAUNCH_BASE", 0))
        done = bench.now()
        flight = [b for b in bench.memory.bursts if b.port < REQUESTERS and b.start < start and b.end > start]
        for burst in bench.memory.bursts:
            assert not (burst.port < REQUESTERS and burst.start < start and burst.end > done), burst
        for task in working:
            await bench.within(task)
        assert flight or done - start < SLACK


@cocotb.test()
async def a_trusted_write_that_fails_leaves_nothing_behind(dut) -> None:
    """The map's word is written while the guard looks for it, and memory answers with an error: from that answer on what memory holds
    counts."""
    bench = await started(dut, patience=4)
    await bench.protect(set())
    where = 0x3C000
    for n in range(60):
        bench.memory.fails = lambda address: False
        await bench.put("MAP_LENGTH", 8)  # forgets what is cached
        before = len(bench.memory.bursts)
        asking = cocotb.start_soon(bench.ports[0].read(BASE))
        await bench.cycles(bench.rng.randrange(12))
        failing = cocotb.start_soon(failing_write(bench, where, 1 << OPEN))
        await bench.within(asking)  # judged by either until the answer
        answered = await bench.within(failing)
        late = [b for b in bench.memory.bursts[before:] if b.port == 0 and b.start > answered]
        assert not late, (n, late, answered)
        assert bench.peek(where) == [0]
        for _ in range(2):
            assert not (await bench.within(bench.ports[0].read(BASE))).good, n


@cocotb.test()
async def a_verdict_that_follows_a_failed_write_is_dropped(dut) -> None:
    """The guard has found out, but memory takes no address; then the map's word is written, and memory answers with an error."""
    bench = await started(dut, patience=0)
    other = 40
    await bench.protect({other})
    ar, walker = bench.memory.ar, REQUESTERS + 1
    for n in range(8):
        await bench.put("MAP_LENGTH", 8)  # forgets what is cached
        assert (await bench.within(bench.ports[1].read(other * PAGE))).good
        before = len(bench.memory.bursts)
        asking = cocotb.start_soon(bench.ports[0].read(BASE))
        while not any(burst.port == walker for burst in bench.memory.bursts[before:]):
            await bench.cycles(1)
        ar.pause = True
        await bench.ports[1].ask_read(other * PAGE)  # is at the door to memory, and stays there
        await bench.cycles(20 + n)
        await bench.within(failing_write(bench, MAP, 1 << OPEN))
        await bench.cycles(bench.rng.randrange(4))
        ar.pause = False
        assert (await bench.within(bench.ports[1].take_read())).good
        assert not (await bench.within(asking)).good, n
        assert bench.peek(MAP) == [0]


async def failing_write(bench: Bench, address: int, word: int) -> int:
    """Memory refuses it without keeping a byte; reads of the same word go on. When it has been answered."""
    device, memory = bench.trusted, bench.memory
    apply, give = memory._apply, memory.b.send

    def loses(late: Any) -> None:
        if late and late[0][0] & ~3 == address:
            late.clear()
        else:
            apply(late)

    async def send(answer) -> None:
        if int(answer.bid) == REQUESTERS:
            answer.bresp = AxiResp.SLVERR
        await give(answer)

    with patch.object(memory, "_apply", loses), patch.object(memory.b, "send", send):
        assert await device.write(address, [word]) == AxiResp.SLVERR
    return bench.now()


@cocotb.test()
async def trusted_writes_and_walks_let_each_other_by(dut) -> None:
    """Neither an endless stream of trusted writes nor one of misses starves the other."""
    bench = await started(dut, patience=0)
    pages = list(range(0, 32, 2)) + list(range(32, 60))
    await bench.protect(set(pages))
    stop: list[int] = []
    counts = {"writes": 0, "reads": 0}

    async def writes() -> None:
        while not stop:
            await bench.trusted.ask_write(0x8000, 1)
            await bench.trusted.send_beat(1, True)
            counts["writes"] += 1

    async def answers() -> None:
        while True:
            assert await bench.trusted.take_answer() == AxiResp.OKAY

    async def misses(number: int) -> None:
        # Pages of two map words in turn, and words that are written: each access is a miss.
        while not stop:
            for page in (2, 40):
                assert (await bench.ports[number].read(page * PAGE)).good
                counts["reads"] += 1

    tasks = [cocotb.start_soon(task) for task in (writes(), answers(), misses(0), misses(1), misses(2))]
    await bench.cycles(3000)
    stop.append(True)
    assert counts["writes"] > 100 and counts["reads"] > 50, counts
    for task in tasks:
        task.cancel()


@cocotb.test()
async def a_reset_ends_everything(dut) -> None:
    """Whatever is under way; afterwards the guard is off and everything passes."""
    bench = await started(dut)
    await bench.protect({OPEN})
    await bench.ports[0].ask_write(BASE, 8)
    await bench.ports[0].send_beat(1, False)
    await bench.ports[1].ask_read(BASE, 64)
    await bench.ports[2].read(SHUT * PAGE)
    offers = [dut.m_axi_arvalid, dut.m_axi_awvalid, dut.m_axi_wvalid, dut.s_axil_bvalid, dut.s_axil_rvalid]
    for n in range(REQUESTERS):
        offers += [getattr(dut, f"{guarded_name(n)}_{channel}valid") for channel in "br"]
    for _ in range(200):
        await RisingEdge(dut.aclk)
        if int(dut.s01_axi_rvalid.value):
            break
    assert int(dut.s01_axi_rvalid.value) and int(dut.irq.value) and int(dut.enabled.value)
    dut.aresetn.value = 0
    await bench.cycles(3)
    assert not any(int(signal.value) for signal in offers)
    assert not int(dut.irq.value) and not int(dut.enabled.value)
    bench.memory.restart()
    await bench.reset()
    assert (await bench.within(bench.ports[2].read(SHUT * PAGE, 4))).words == bench.peek(SHUT * PAGE, 4)
    assert await bench.within(bench.ports[0].write(SHUT * PAGE, [3, 4])) == AxiResp.OKAY
    assert bench.peek(SHUT * PAGE, 2) == [3, 4]


@cocotb.test()
@cocotb.parametrize(patience=list(LONGEST_WAITS))
async def nobody_waits_for_long(dut, patience: int) -> None:
    """All ports read and write at once, each access a miss, every other one refused, while the trusted port writes to the map without a
    pause: whatever is asked is answered in bounded time."""
    bench = await started(dut, patience=patience)
    allowed, beats = {2, 40}, 4
    await bench.protect(allowed)
    stop: list[int] = []
    waits: dict[bool, list[int]] = {True: [], False: []}

    async def asks(number: int, write: bool) -> None:
        device = bench.ports[number]
        while not stop:
            for page in (2, 41, 3, 40):
                address, start = page * PAGE + 64 * number, bench.now()
                if write:
                    good = await bench.within(device.write(address, [number] * beats)) == AxiResp.OKAY
                else:
                    good = (await bench.within(device.read(address, beats))).good
                assert good == (page in allowed)
                waits[good].append(bench.now() - start)

    async def edits() -> None:
        while not stop:
            for word, page in enumerate(sorted(allowed)):
                await bench.within(bench.trusted.write(MAP + 4 * word, [1 << page % 32]))

    tasks = [cocotb.start_soon(asks(number, write)) for number in range(REQUESTERS) for write in (False, True)]
    tasks.append(cocotb.start_soon(edits()))
    await bench.cycles(4000)
    stop.append(True)
    for task in tasks:
        await bench.within(task)
    for found in waits.values():
        assert len(found) > 40
        assert max(found) < LONGEST_WAITS[patience], max(found)
