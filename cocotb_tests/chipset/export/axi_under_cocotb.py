"""cocotb tests of the exported AXI4 guard; ``test_axi.py`` runs them."""

import cocotb
from cocotbext.axi import AxiBurstType, AxiResp

from cocotb_tests.chipset.export.axi_bench import ALL_BURSTS, MAP, ONES, PAGE, PAGES, Bench
from cocotb_tests.chipset.export.axi_memory import addresses
from contracts.policy_map import GUARD, Format
from contracts.requesters import DMA_FIRST

__all__: list[str] = []

REQUESTERS = 3
OPEN, SHUT = 5, 6  # a page that the map admits, and one that it does not


async def started(dut, **options) -> Bench:
    bench = Bench(dut, cocotb.RANDOM_SEED, requesters=REQUESTERS, **options)
    await bench.reset()
    bench.fill()
    return bench


def any_burst(rng, page: int) -> tuple[int, int, int, AxiBurstType]:
    """Address, beats, size and type of a legal burst in that page."""
    burst = rng.choice(ALL_BURSTS)
    size = rng.choice((0, 1, 2, 2, 2))
    if burst == AxiBurstType.WRAP:
        beats = rng.choice((2, 4, 8, 16))
    elif burst == AxiBurstType.FIXED:
        beats = rng.randrange(1, 17)
    else:
        beats = rng.choice((1, 2, 3, 16, 256, rng.randrange(1, 257)))
    room = PAGE - (beats << size) if burst == AxiBurstType.INCR else PAGE - (1 << size)
    offset = rng.choice((0, room, rng.randrange(room + 1)))
    align = 1 << size
    if burst == AxiBurstType.WRAP or offset == room:
        offset = offset // align * align
    return page * PAGE + offset, beats, size, burst


def after_write(bench: Bench, addr: int, words: list[int], strobes: list[int], size: int, burst: int) -> bytearray:
    """Memory as it must be after a write."""
    data = bytearray(bench.memory.data)
    for a, word, strobe in zip(addresses(addr, len(words), size, burst), words, strobes, strict=True):
        for lane in range(4):
            if strobe >> lane & 1:
                data[(a & ~3) + lane] = word >> 8 * lane & 0xFF
    return data


@cocotb.test()
async def legal_bursts_pass_unchanged(dut) -> None:
    """Every type, size and length, with the guard off and then on, while everybody makes everybody wait."""
    bench = await started(dut)
    bench.stall(0.3)
    rng = bench.rng
    for guarded in (False, True):
        if guarded:
            await bench.protect({OPEN})
        for n in range(40):
            device = bench.ports[n % REQUESTERS]
            addr, beats, size, burst = any_burst(rng, OPEN)
            ident = rng.randrange(16)
            if rng.random() < 0.5:
                read = await bench.within(device.read(addr, beats, ident=ident, size=size, burst=burst))
                assert read.good
                assert read.words == bench.peek(addr, beats, size, burst)
            else:
                words = [rng.getrandbits(32) for _ in range(beats)]
                strobes = [rng.getrandbits(4) for _ in range(beats)]
                expected = after_write(bench, addr, words, strobes, size, burst)
                answer = await bench.within(device.write(addr, words, ident=ident, size=size, burst=burst, strobes=strobes))
                assert answer == AxiResp.OKAY
                assert bench.memory.data == expected
            asked = bench.memory.bursts[-1]
            assert (asked.port, asked.addr, asked.length, asked.size, asked.burst) == (n % REQUESTERS, addr, beats, size, burst)


@cocotb.test()
async def refused_bursts_change_and_tell_nothing(dut) -> None:
    """The same bursts before and after the guard is on; each refusal is logged, and what is allowed gets through after it."""
    bench = await started(dut)
    bench.stall(0.2)
    rng = bench.rng
    for guarded in (False, True):
        if guarded:
            await bench.protect({OPEN})
        for n in range(20):
            device = bench.ports[n % REQUESTERS]
            addr, beats, size, burst = any_burst(rng, SHUT)
            asked = len(bench.memory.bursts)
            before = bytes(bench.memory.data)
            read = await bench.within(device.read(addr, beats, ident=n % 16, size=size, burst=burst))
            words = [rng.getrandbits(32) for _ in range(beats)]
            answer = await bench.within(device.write(addr, words, ident=n % 16, size=size, burst=burst))
            if not guarded:
                assert read.good and answer == AxiResp.OKAY
                assert bytes(bench.memory.data) != before
                continue
            assert read.words == [ONES] * beats and set(read.responses) == {AxiResp.SLVERR}
            assert answer == AxiResp.SLVERR
            assert bytes(bench.memory.data) == before
            seen = {b.port for b in bench.memory.bursts[asked:]}
            assert seen <= {REQUESTERS + 1}, "nothing but the walker has asked memory"
            assert int(dut.irq.value)
            assert await bench.get("LOG_ADDRESS") == addr
            info = GUARD["LOG_INFO"]
            assert await bench.get("LOG_INFO") == info.field("REQUESTER").put(DMA_FIRST + n % REQUESTERS)
            assert await bench.get("DENIED_COUNT") == 2 * (n + 1)
            await bench.put("STATUS", GUARD["STATUS"].field("DENIED").mask)
            assert not int(dut.irq.value)
            assert (await bench.within(device.read(OPEN * PAGE + 4 * n, 2))).words == bench.peek(OPEN * PAGE + 4 * n, 2)
            assert await bench.within(device.write(OPEN * PAGE, [n])) == AxiResp.OKAY


@cocotb.test()
async def a_map_that_is_edited_counts_at_once(dut) -> None:
    """Whatever order memory chooses: an access that is asked for after the edit has been answered is judged by it."""
    bench = await started(dut, patience=6)
    await bench.protect(set())
    rng = bench.rng
    opened: set[int] = set()
    verdicts = set()
    for n in range(120):
        page = rng.choice((2, 3, 40))
        if rng.random() < 0.6:
            opened ^= {page}
            word = page // 32
            value = sum(1 << p % 32 for p in opened if p // 32 == word)
            if rng.random() < 0.5:  # one byte of it, or all words as a burst that wraps
                lane = page % 32 // 8
                answer = await bench.within(bench.trusted.write(MAP + 4 * word, [value], strobes=[1 << lane]))
            else:
                values = [sum(1 << p % 32 for p in opened if p // 32 == w) for w in (1, 0)]
                answer = await bench.within(bench.trusted.write(MAP + 4, values, burst=AxiBurstType.WRAP))
            assert answer == AxiResp.OKAY
        device = bench.ports[rng.randrange(REQUESTERS)]
        if rng.random() < 0.5:
            good = (await bench.within(device.read(page * PAGE + 16 * n, 2))).good
        else:
            good = await bench.within(device.write(page * PAGE + 16 * n, [n, n])) == AxiResp.OKAY
        assert good == (page in opened)
        verdicts.add(good)
    assert verdicts == {False, True}


@cocotb.test()
async def what_axi_forbids_is_refused_whole(dut) -> None:
    """Bursts that mean different addresses to different memories, with the guard off as well as on."""
    bench = await started(dut)
    incr, wrap, fixed, reserved = AxiBurstType.INCR, AxiBurstType.WRAP, AxiBurstType.FIXED, 3
    base = OPEN * PAGE
    illegal = [
        (base + PAGE - 4, 2, 2, incr), (base + PAGE - 1020, 256, 2, incr), (base + PAGE - 1, 2, 0, incr), (base + PAGE - 1, 2, 1, incr),
        (base, 1, 3, incr), (base, 4, 7, incr), (base, 2, 2, reserved), (base, 3, 2, wrap), (base, 1, 2, wrap), (base, 32, 2, wrap),
        (base + 2, 4, 2, wrap), (base + 1, 4, 1, wrap), (base, 17, 2, fixed), (base, 6, 0, wrap), (base, 12, 2, wrap),
    ]  # fmt: skip
    legal = [
        (base + PAGE - 8, 2, 2, incr), (base + PAGE - 1024, 256, 2, incr), (base + PAGE - 2, 2, 0, incr), (base + PAGE - 3, 2, 1, incr),
        (base + PAGE - 4, 16, 2, wrap), (base + PAGE - 1, 16, 2, fixed), (base + PAGE - 1, 1, 2, incr),
    ]  # fmt: skip
    for guarded in (False, True):
        if guarded:
            await bench.protect({OPEN, OPEN + 1})
        for device in (bench.ports[0], bench.trusted):
            for shape, good in [(s, False) for s in illegal] + [(s, True) for s in legal]:
                addr, beats, size, burst = shape
                before = bytes(bench.memory.data)
                read = await bench.within(device.read(addr, beats, size=size, burst=burst))
                answer = await bench.within(device.write(addr, [bench.rng.getrandbits(32) for _ in range(beats)], size=size, burst=burst))
                assert (read.good, answer == AxiResp.OKAY, bytes(bench.memory.data) != before) == (good,) * 3, shape


@cocotb.test()
async def a_map_that_cannot_be_read_closes_everything(dut) -> None:
    """An error of the walk refuses that access; the next one is judged by the map again."""
    bench = await started(dut)
    await bench.protect({OPEN})
    bench.memory.fails = lambda address: address & ~7 == MAP
    assert not (await bench.within(bench.ports[0].read(OPEN * PAGE))).good
    assert await bench.get("STATUS") == GUARD["STATUS"].field("DENIED").mask | GUARD["STATUS"].field("MAP_ERROR").mask
    bench.memory.fails = lambda address: False
    assert (await bench.within(bench.ports[0].read(OPEN * PAGE))).good
    # A map beyond memory, and one that ends before the page.
    await bench.put("MAP_BASE", 0xFFFF_F000)
    assert not (await bench.within(bench.ports[0].read(OPEN * PAGE))).good
    await bench.put("MAP_BASE", MAP)
    await bench.put("MAP_LENGTH", 0)
    assert not (await bench.within(bench.ports[0].read(OPEN * PAGE))).good
    await bench.put("MAP_LENGTH", PAGES // 8)
    assert (await bench.within(bench.ports[0].read(OPEN * PAGE))).good


@cocotb.test()
async def the_map_and_the_launch_region_are_out_of_reach(dut) -> None:
    """Whatever the map says; and the guard itself reads a map that lies in the launch region."""
    bench = await started(dut)
    everything = set(range(PAGES))
    await bench.put("LAUNCH_BASE", MAP & ~0xFFFF)
    assert (await bench.within(bench.ports[1].read(MAP))).good
    await bench.put("LAUNCH_CONTROL", 1)
    assert not (await bench.within(bench.ports[1].read(MAP))).good
    await bench.protect(everything)
    for offset in (0, 0xFFFC):
        address = (MAP & ~0xFFFF) + offset
        assert not (await bench.within(bench.ports[1].read(address))).good
        assert await bench.within(bench.ports[1].write(address, [0])) == AxiResp.SLVERR
    assert (await bench.within(bench.ports[1].read(0x2_0000))).good
    await bench.put("LAUNCH_CONTROL", 0)
    assert (await bench.within(bench.ports[1].read(MAP))).good
    assert await bench.within(bench.ports[1].write(MAP, [0])) == AxiResp.SLVERR
    assert await bench.within(bench.ports[1].write(MAP + PAGE, [0])) == AxiResp.OKAY


@cocotb.test()
async def every_requester_has_its_map(dut) -> None:
    """The other two formats."""
    bench = await started(dut)
    for n in range(REQUESTERS):
        where = MAP + 0x100 * n
        await bench.trusted.write(where, [1 << 8 + n])
        await bench.put("MAP_BASE", where, n)
        await bench.put("MAP_LENGTH", 4, n)
    await bench.switch_on(Format.PER_REQUESTER)
    for n, device in enumerate(bench.ports):
        for page in range(8, 8 + REQUESTERS):
            assert (await bench.within(device.read(page * PAGE))).good == (page == 8 + n)
    await bench.switch_on(Format.PER_REQUESTER_AND_ACCESS)
    for n, device in enumerate(bench.ports):
        page = (8 + n) // 2
        write = (8 + n) % 2
        assert (await bench.within(device.read(page * PAGE))).good == (not write)
        assert (await bench.within(device.write(page * PAGE, [0])) == AxiResp.OKAY) == bool(write)


@cocotb.test()
async def registers_take_whole_words(dut) -> None:
    """A narrower write is answered with an error and changes nothing; once on, the guard stays on."""
    bench = await started(dut)
    await bench.put("LAUNCH_BASE", 0x1234_0000)
    assert (await bench.registers.write(GUARD["LAUNCH_BASE"].at(), b"\xff\xff")).resp == AxiResp.SLVERR
    assert await bench.get("LAUNCH_BASE") == 0x1234_0000
    capability = GUARD["CAPABILITY"]
    assert capability.field("REQUESTERS").get(await bench.get("CAPABILITY")) == REQUESTERS
    await bench.put("CONTROL", 1)
    await bench.put("CONTROL", 0)
    assert await bench.get("CONTROL") & 1
    await bench.put("DEVICE_RESET", 0b101)
    assert int(dut.device_reset.value) == 0b101
    dut.device_idle.value = 0b110
    await bench.cycles(1)
    assert await bench.get("DEVICE_IDLE") == 0b110
