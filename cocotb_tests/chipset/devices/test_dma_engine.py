"""The DMA engine against a memory of the testbench's own: chains, alignment, errors, reset."""

from dataclasses import dataclass, field
from random import Random

import pytest

from chipset.devices.dma_engine import DmaEngine
from cocotb_tests.chipset.bus_master import simulate
from contracts.dma_engine import DMA_ENGINE, MAX_LENGTH, DescriptorFlag

__all__: list[str] = []

LAST, INTERRUPT, FILL = DescriptorFlag.LAST, DescriptorFlag.INTERRUPT, DescriptorFlag.FILL
CHAIN = 0x100
BUSY, DONE, ERROR = 1, 2, 4
START, ENABLE, RESET = 1, 2, 4
PATIENCE = 4000


@dataclass
class Memory:
    """Answers after a while; ``bad`` addresses with an error. Keeps what it was asked."""

    rng: Random
    words: dict[int, int] = field(default_factory=dict)
    bad: set[int] = field(default_factory=set)
    log: list[tuple[str, int, int]] = field(default_factory=list)  # what, address, words
    stall: bool = False

    async def serve(self, ctx, bus) -> None:
        beats: list[tuple[int, int]] = []
        while True:
            ctx.set(bus.req_ready, 0 if self.stall else self.rng.random() < 0.7)
            _, _, valid, ready, req = await ctx.tick().sample(bus.req_valid, bus.req_ready, bus.req)
            if not (valid and ready):
                continue
            assert req.address % 4 == 0 and req.mask == 0xF and not req.lock
            if req.write:
                beats.append((req.address, req.data))
                if not req.last:
                    continue
                assert len(beats) == (4 if req.burst else 1)
                error = any(a in self.bad for a, _ in beats)
                if not error:
                    self.words |= dict(beats)
                self.log.append(("write", beats[0][0], len(beats)))
                beats = []
                answers = [(0, error)]
            else:
                count = 4 if req.burst else 1
                assert not req.burst or req.address % 16 == 0
                places = range(req.address, req.address + 4 * count, 4)
                answers = [(self.words.get(a % 2**32, 0), a in self.bad) for a in places]
                self.log.append(("read", req.address, count))
            ctx.set(bus.req_ready, 0)
            await ctx.tick().repeat(self.rng.randrange(1, 6))
            for n, (word, error) in enumerate(answers):
                ctx.set(bus.rsp_valid, 1)
                ctx.set(bus.rsp.data, 0xFFFF_FFFF if error else word)
                ctx.set(bus.rsp.error, error)
                ctx.set(bus.rsp.last, n == len(answers) - 1)
                await ctx.tick()
            ctx.set(bus.rsp_valid, 0)

    def chain(self, *descriptors: tuple[int, int, int, int]) -> None:
        for n, words in enumerate(descriptors):
            self.words |= {CHAIN + 16 * n + 4 * k: w for k, w in enumerate(words)}


class Registers:
    def __init__(self, ctx, dut: DmaEngine) -> None:
        self._ctx = ctx
        self.dut = dut

    async def write(self, name: str, value: int) -> None:
        ctx, block = self._ctx, self.dut.block
        ctx.set(block.address, DMA_ENGINE[name].offset // 4)
        ctx.set(block.write_data, value)
        ctx.set(block.write, 1)
        ctx.set(block.valid, 1)
        await ctx.tick()
        ctx.set(block.valid, 0)
        ctx.set(block.write, 0)

    def read(self, name: str) -> int:
        self._ctx.set(self.dut.block.address, DMA_ENGINE[name].offset // 4)
        return self._ctx.get(self.dut.block.read_data)

    async def run(self) -> int:
        await self.write("DESCRIPTOR", CHAIN)
        await self.write("CONTROL", START | ENABLE)
        return await self.finish()

    async def finish(self) -> int:
        for _ in range(PATIENCE):
            if not self.read("STATUS") & BUSY:
                return self.read("STATUS")
            await self._ctx.tick()
        raise AssertionError("the engine does not come to an end")

    @property
    def irq(self) -> int:
        return self._ctx.get(self.dut.irq)


def with_engine(rng, program) -> Memory:
    dut = DmaEngine()
    memory = Memory(rng)

    async def serve(ctx):
        await memory.serve(ctx, dut.bus)

    async def bench(ctx):
        await program(ctx, Registers(ctx, dut), memory)

    simulate(dut, bench, background=[serve])
    return memory


@pytest.mark.parametrize(("source", "destination", "length"), [
    (0x1000, 0x2000, 64), (0x1004, 0x2000, 64), (0x1000, 0x2008, 20), (0x1000, 0x2000, 28), (0x100C, 0x200C, 40), (0x1000, 0x2000, 0),
])  # fmt: skip
def test_copies_whatever_the_alignment(rng, source, destination, length):
    async def program(ctx, regs, memory):
        memory.words |= {source + n: rng.getrandbits(32) for n in range(-16, length + 16, 4)}
        expected = {destination + n: memory.words[source + n] for n in range(0, length, 4)}
        memory.chain((source, destination, length, LAST))
        assert await regs.run() == DONE
        assert {a: w for a, w in memory.words.items() if 0x2000 <= a < 0x3000} == expected
        assert regs.read("WORDS_MOVED") == length // 4
        assert regs.irq

    memory = with_engine(rng, program)
    bursts = sum(count == 4 and what == "write" for what, _, count in memory.log)
    assert bursts == ((length - -source % 16) // 16 if source % 16 == destination % 16 else 0)


def test_chain_fill_and_interrupts(rng):
    async def program(ctx, regs, memory):
        memory.words |= {0x1000: 7}
        memory.chain((0x1000, 0x2000, 4, 0), (0xDEAD_BEEF, 0x2010, 20, FILL | INTERRUPT), (0x1000, 0x2004, 4, LAST))
        await regs.write("DESCRIPTOR", CHAIN | 0xF)
        assert regs.read("DESCRIPTOR") == CHAIN
        await regs.write("CONTROL", START | ENABLE)
        while not regs.irq:
            await ctx.tick()
        assert regs.read("STATUS") == BUSY | DONE
        assert memory.words.get(0x2004) is None
        await regs.write("STATUS", DONE)
        assert not regs.irq
        assert await regs.finish() == DONE
        assert [memory.words.get(a) for a in range(0x2000, 0x2028, 4)] == [7, 7, None, None, *[0xDEAD_BEEF] * 5, None]
        assert regs.read("WORDS_MOVED") == 7

    with_engine(rng, program)


@pytest.mark.parametrize("bad", [
    (0x1002, 0x2000, 4, LAST), (0x1000, 0x2001, 4, LAST), (0x1000, 0x2000, 6, LAST), (0x1000, 0x2000, MAX_LENGTH + 4, LAST),
])  # fmt: skip
def test_malformed_descriptors_move_nothing(rng, bad):
    async def program(ctx, regs, memory):
        memory.chain(bad)
        assert await regs.run() == ERROR
        assert regs.read("ERROR_ADDRESS") == CHAIN
        assert regs.irq
        await regs.write("STATUS", ERROR)
        assert not regs.irq
        memory.words[0x1000] = 5
        memory.chain((0x1000, 0x2000, 4, LAST))  # it stays usable
        assert await regs.run() == DONE

    memory = with_engine(rng, program)
    assert [a for what, a, _ in memory.log if what == "write"] == [0x2000]


@pytest.mark.parametrize(("bad", "moved"), [(CHAIN + 8, 0), (0x1014, 4), (0x2014, 4), (0x1024, 9)])
def test_an_error_stops_the_chain(rng, bad, moved):
    async def program(ctx, regs, memory):
        memory.bad.add(bad)
        memory.chain((0x1000, 0x2000, 40, 0), (0x1000, 0x3000, 4, LAST))
        assert await regs.run() == ERROR
        assert regs.read("ERROR_ADDRESS") == (CHAIN if bad == CHAIN + 8 else bad & ~0xF if bad < 0x1024 or bad >= 0x2000 else bad)
        assert regs.read("WORDS_MOVED") == moved
        memory.bad.clear()
        assert await regs.finish() == ERROR
        assert await regs.run() & DONE

    memory = with_engine(rng, program)
    assert ("write", 0x3000, 1) == memory.log[-1]


def test_reset_issues_nothing_new_and_says_when_it_is_idle(rng):
    async def program(ctx, regs, memory):
        memory.chain((0x1000, 0x2000, 4096, 0), (0x1000, 0x3000, 4, LAST))
        for patience in range(20, 60):
            await regs.write("DESCRIPTOR", CHAIN)
            await regs.write("CONTROL", START | ENABLE)
            await ctx.tick().repeat(patience)
            assert regs.read("STATUS") == BUSY
            await regs.write("CONTROL", RESET)
            assert regs.read("CONTROL") & RESET
            before = len(memory.log)
            for _ in range(PATIENCE):
                if not regs.read("CONTROL") & RESET:
                    break
                await ctx.tick()
            else:
                raise AssertionError("not idle")
            assert len(memory.log) <= before + 1  # what had been offered already
            assert [regs.read(name) for name in ("CONTROL", "STATUS", "DESCRIPTOR", "WORDS_MOVED")] == [0, 0, 0, 0]
            after = len(memory.log)
            await ctx.tick().repeat(30)
            assert len(memory.log) == after
            assert not regs.irq

    with_engine(rng, program)


def test_start_while_busy_is_ignored(rng):
    async def program(ctx, regs, memory):
        memory.chain((7, 0x2000, 64, FILL | LAST))
        await regs.write("DESCRIPTOR", CHAIN)
        await regs.write("CONTROL", START)
        await ctx.tick().repeat(5)
        await regs.write("CONTROL", START)
        assert await regs.finish() == DONE
        assert regs.read("WORDS_MOVED") == 16
        await ctx.tick().repeat(20)
        assert not regs.read("STATUS") & BUSY

    with_engine(rng, program)
