"""The instruction side: code that changes while it is fetched, what may be done ahead of need, contexts that change under a walk."""

import pytest

from cocotb_tests.rtl.memory.bench import Bench
from cocotb_tests.rtl.mmu.reference import PCD, RW, US, A, D, P
from rtl.arch.special import TlbFlush
from rtl.memory.port import AccessKind

ALL = P | RW | US
LINE = 16


class History:
    """Values of bytes over time."""

    def __init__(self) -> None:
        self._versions: dict[int, list[tuple[int, int]]] = {}

    def note(self, cycle: int, address: int, value: int) -> None:
        self._versions.setdefault(address, [(-1, 0)]).append((cycle, value))

    def at(self, cycle: int, address: int) -> int:
        """The value at the end of that cycle."""
        return next(value for when, value in reversed(self._versions.get(address, [(-1, 0)])) if when <= cycle)

    def between(self, first: int, last: int, address: int) -> set[int]:
        """The values it had from ``first`` to ``last``."""
        return {self.at(cycle, address) for cycle in range(first, last + 1)}


def test_code_that_is_being_written(rng):
    """Every line handed out has the bytes of each store committed in that cycle or before, and of other masters' writes two cycles ago."""
    bench = Bench(rng, latency=(1, 5), stall=0.2)
    history = History()
    lines = (0x1000, 0x1010, 0x1020, 0x1100, 0x8000_0FF0, 0x8000_1000)
    foreign = {0x1005, 0x1015, 0x1025, 0x1105}
    count = {"fetched": 0, "stored": 0, "foreign": 0, "changed": 0}
    last: dict[int, int] = {}
    target = lines[0]

    async def fetcher(ctx):
        while True:
            line = rng.choice((target, target, rng.choice(lines)))  # mostly where the next store goes
            data, physical = await bench.fetch(ctx, line)
            cycle = bench.cycle - 1  # of the answer
            assert physical == line >> 4
            for n in range(LINE):
                value = data >> 8 * n & 0xFF
                if line + n in foreign:
                    assert value in history.between(cycle - 3, cycle, line + n), f"{line + n:#x} in cycle {cycle}"
                else:
                    assert value == history.at(cycle, line + n), f"{line + n:#x} in cycle {cycle}"
            count["fetched"] += 1
            count["changed"] += last.get(line) != data
            last[line] = data

    async def other_master(ctx):
        while True:
            for _ in range(rng.randrange(60)):
                await ctx.tick()
            address = rng.choice(sorted(foreign))
            value = rng.randrange(256)
            bench.memory.memory[address] = value
            history.note(bench.cycle, address, value)
            bench.snoops.append(address >> 4)
            count["foreign"] += 1

    bench.agent(fetcher)
    bench.agent(other_master)

    async def program(ctx):
        nonlocal target
        for _ in range(600):
            target = rng.choice(lines)
            for _ in range(rng.choice((0, 0, 5, 20))):
                await ctx.tick()
            size = rng.choice((1, 2, 4, 4))
            address = target + rng.randrange(-4, LINE)
            if foreign & set(range(address, address + size)):
                continue
            kind = rng.choice((AccessKind.STORE, AccessKind.READ_MODIFY_WRITE))
            await bench.request(ctx, kind, address, size, lock=int(kind != AccessKind.STORE and rng.random() < 0.4))
            for _ in range(rng.randrange(4)):
                await ctx.tick()
            if rng.random() < 0.1:
                await bench.cancel(ctx)
                continue
            while ctx.get(bench.dut.access.busy):
                await ctx.tick()
            value = rng.randrange(1 << 8 * size)
            for n in range(size):
                history.note(bench.cycle, address + n, value >> 8 * n & 0xFF)
            await bench.commit(ctx, value)
            count["stored"] += 1

    bench.run(program)
    assert min(count.values()) > 100, count


def test_latencies(rng):
    """A line that is there comes in the cycle after its request, through the TLB too."""
    bench = Bench(rng)

    async def program(ctx):
        bench.state(ctx, pg=1, pe=1, cr3=0x1000, asid=1)
        bench.memory.write(0x1004, 0x2000 | ALL)
        bench.memory.write(0x2000, 0x10000 | ALL)
        await bench.fetch(ctx, 0x400000)
        for _ in range(3):
            await bench.fetch(ctx, 0x400000)
            assert bench.fetch_cycles == 1

    bench.run(program)


@pytest.mark.parametrize("reason", ["walk", "hole", "high", "pcd"])
def test_nothing_ahead_of_need(rng, reason):
    """Without ``demand`` there is no walk and no read of uncacheable memory; with it the line is read once, each time it is asked for."""
    bench = Bench(rng)
    paged = reason in ("walk", "pcd")
    linear, physical = {"walk": (0x400000, 0x10000), "pcd": (0x400000, 0x10000), "hole": (0xA0000,) * 2, "high": (0x80000000,) * 2}[reason]

    async def program(ctx):
        port = bench.dut.lines
        if paged:
            bench.state(ctx, pg=1, pe=1, cr3=0x1000, asid=1)
            bench.memory.write(0x1004, 0x2000 | ALL)
            bench.memory.write(0x2000, 0x10000 | ALL | (PCD if reason == "pcd" else 0))
            if reason == "pcd":
                await bench.fetch(ctx, linear + 0x40)  # the translation is there
        for _ in range(3):
            before = len(bench.memory.log)
            ctx.set(port.request_valid, 1)
            ctx.set(port.request_line, linear >> 4)
            ctx.set(port.demand, 0)
            await bench.until(ctx, port.request_ready)
            ctx.set(port.request_valid, 0)
            for _ in range(30):
                assert not ctx.get(port.response_valid)
                await ctx.tick()
            assert len(bench.memory.log) == before
            await bench.maintain(ctx, "flush_caches")  # nothing to wait for
            ctx.set(port.demand, 1)
            (answer,) = await bench.until(ctx, port.response_valid, port.response_physical)
            assert answer == physical >> 4
            reads = [r for r in bench.memory.log[before:] if r.address == physical]
            assert len(reads) == 1
            if reason == "walk":
                break

    bench.run(program)


def test_redirect_answers_what_waits(rng):
    """A request that waits for demand is answered after a redirect, without being carried out."""
    bench = Bench(rng)

    async def program(ctx):
        port = bench.dut.lines
        ctx.set(port.request_valid, 1)
        ctx.set(port.request_line, 0x8000000)
        ctx.set(port.demand, 0)
        await bench.until(ctx, port.request_ready)
        ctx.set(port.request_valid, 0)
        for _ in range(5):
            await ctx.tick()
        ctx.set(bench.dut.redirect, 1)
        await ctx.tick()
        ctx.set(bench.dut.redirect, 0)
        ctx.set(port.demand, 1)
        await bench.until(ctx, port.response_valid)
        assert not bench.memory.log
        await bench.fetch(ctx, 0x1000)

    bench.run(program)


def test_context_changes_under_a_walk(rng):
    """The processor goes to another address space while a line is being translated for the old one. What the walk finds is never used
    in the new one, nor in the old one after a flush that covers it."""
    bench = Bench(rng, latency=(2, 8))

    async def program(ctx):
        port = bench.dut.lines
        for space, directory in enumerate((0x1000, 0x5000)):
            bench.memory.write(directory + 4, directory + 0x1000 | ALL | A)
            bench.memory.write(directory + 0x1000, 0x10000 + (space << 12) | ALL | A)
        for _ in range(60):
            await bench.maintain(ctx, "flush_tlb", TlbFlush.EVERYTHING.value)
            bench.memory.write(0x2000, 0x10000 | ALL | A)
            bench.state(ctx, pg=1, pe=1, cr3=0x1000, asid=1)
            ctx.set(port.request_valid, 1)
            ctx.set(port.request_line, 0x40000)
            ctx.set(port.demand, 1)
            await bench.until(ctx, port.request_ready)
            ctx.set(port.request_valid, 0)
            answered = False
            same_asid = rng.randrange(2)  # MOV CR3, or a world switch
            flush_between = rng.randrange(2)
            for _ in range(rng.randrange(25)):
                answered |= bool(ctx.get(port.response_valid))
                await ctx.tick()
            bench.state(ctx, fetch=False, cr3=0x5000, asid=1 if same_asid else 2)  # first the registers
            bench.memory.write(0x2000, 0x13000 | ALL | A)  # the old space changes behind the processor's back

            async def watch(task):
                nonlocal answered
                answered |= bool(ctx.get(port.response_valid))
                await task

            if same_asid or flush_between:
                word = TlbFlush.CURRENT_NON_GLOBAL.value if same_asid else TlbFlush.ASID_ALL.value | 1 << 4
                ctx.set(bench.dut.maintenance.valid, 1)
                ctx.set(bench.dut.maintenance.flush_tlb, 1)
                ctx.set(bench.dut.maintenance.operand, word)
                while not ctx.get(bench.dut.maintenance.done):
                    await watch(ctx.tick())
                await watch(ctx.tick())
                ctx.set(bench.dut.maintenance.valid, 0)
                ctx.set(bench.dut.maintenance.flush_tlb, 0)
            for _ in range(rng.randrange(25)):
                await watch(ctx.tick())
            ctx.set(bench.dut.redirect, 1)  # then fetch goes on there
            await watch(ctx.tick())
            ctx.set(bench.dut.redirect, 0)
            bench.state(ctx, cr3=0x5000, asid=1 if same_asid else 2)
            while not answered:
                answered = bool(ctx.get(port.response_valid))
                await ctx.tick()
            assert (await bench.fetch(ctx, 0x400010))[1] == 0x1101
            if not same_asid and flush_between:
                bench.state(ctx, cr3=0x1000, asid=1)
                assert (await bench.fetch(ctx, 0x400010))[1] == 0x1301

    bench.run(program)


def test_flush_waits_for_walks(rng):
    """INVLPG while the fetch side is walking the very page: afterwards the new entry is used, whenever the walk has read the old one."""
    bench = Bench(rng, latency=(2, 8))
    stale = 0

    async def program(ctx):
        nonlocal stale
        bench.state(ctx, pg=1, pe=1, cr3=0x1000, asid=1)
        bench.memory.write(0x1004, 0x2000 | ALL | A)
        port = bench.dut.lines
        for n in range(60):
            old, new = 0x10 + n % 2, 0x11 - n % 2
            bench.memory.write(0x2000, old << 12 | ALL | A | D)
            await bench.maintain(ctx, "flush_tlb", TlbFlush.EVERYTHING.value)
            ctx.set(port.request_valid, 1)
            ctx.set(port.request_line, 0x40000)
            ctx.set(port.demand, 1)
            await bench.until(ctx, port.request_ready)
            ctx.set(port.request_valid, 0)
            answers: list[int] = []

            async def step(answers=answers):
                _, _, valid, physical = await ctx.tick().sample(port.response_valid, port.response_physical)
                answers.extend([physical >> 8] if valid else [])

            for _ in range(rng.randrange(20)):
                await step()
            bench.memory.write(0x2000, new << 12 | ALL | A | D)
            ctx.set(bench.dut.maintenance.valid, 1)
            ctx.set(bench.dut.maintenance.invalidate_page, 1)
            ctx.set(bench.dut.maintenance.operand, 0x400000)
            done = False
            while not done:
                done = bool(ctx.get(bench.dut.maintenance.done))
                await step()
            ctx.set(bench.dut.maintenance.valid, 0)
            ctx.set(bench.dut.maintenance.invalidate_page, 0)
            while not answers:
                await step()
            stale += answers[0] == old
            assert (await bench.fetch(ctx, 0x400000))[1] >> 8 == new

    bench.run(program)
    assert stale > 3
