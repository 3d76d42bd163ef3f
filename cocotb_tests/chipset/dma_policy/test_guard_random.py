"""Random DMA traffic while the policy changes under way, judged by a model that knows only the order of the changes.

An access may be judged by any policy that was in force at some time between its request and its answer; once a register write has been
answered, nothing that is answered later may still be judged by an older policy.
"""

from dataclasses import dataclass, replace
from random import Random

import pytest
from amaranth.hdl import Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset import memory_fabric
from chipset.dma_policy import checker
from chipset.dma_policy.registers import GuardRegisters
from chipset.dma_policy.word_cache import WordCache
from chipset.interconnect.ports import RegisterSignature
from chipset.memory_controller.ram import BlockRam
from cocotb_tests.chipset.bus_master import BusMaster, simulate
from cocotb_tests.chipset.dma_policy.policy_model import Policy, Version
from contracts.bus import Authority, BusSignature
from contracts.policy_map import GUARD

__all__: list[str] = []

PAGE = 4096
PAGES = 64
MEMORY = PAGES * PAGE
ONES = 0xFFFF_FFFF
PLACES = (0x3C000, 0x3D100, 0x3E3F8, MEMORY - 4)  # where maps may lie; the last one reaches beyond RAM
MAP_WORDS = 3
CYCLES = 5000


@dataclass
class Record:
    """An access of a DMA master."""

    requester: int
    address: int
    size: int
    write: bool
    start: int
    end: int
    refused: bool


class Bench(wiring.Component):
    """Memory and guard with everything around them left to the testbench."""

    cpu: In(BusSignature())
    dma: In(BusSignature()).array(2)
    block: In(RegisterSignature())
    guarded: Out(1)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.fabric = fabric = memory_fabric.MemoryFabric(memory_bytes=MEMORY, latency=4, dma_masters=2, cached_map_words=2)
        m.submodules.ram = ram = BlockRam(MEMORY // 4)
        wiring.connect(m, fabric.ram, ram.port)
        wiring.connect(m, wiring.flipped(self.cpu), fabric.cpu)
        wiring.connect(m, wiring.flipped(self.block), fabric.guard)
        for n in range(2):
            wiring.connect(m, wiring.flipped(self.dma[n]), fabric.dma[n])
        m.d.comb += self.guarded.eq(fabric.guarded)
        return m


class Run:
    """One run: its clock, the policies in order, the accesses."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.dut = Bench()
        self.now = 0
        self.versions = [Version(Policy(bases=(0, 0), lengths=(0, 0)), -1, -1, False)]
        self.records: list[Record] = []
        self.finished = False

    async def clock(self, ctx) -> None:
        while True:
            await ctx.tick()
            self.now += 1

    async def _change(self, policy: Policy, commits: bool, act) -> None:
        version = Version(policy, self.now, 1 << 60, commits)
        self.versions.append(version)
        await act
        version.done = self.now

    async def _register(self, ctx, name: str, value: int, index: int = 0) -> None:
        block = self.dut.block
        ctx.set(block.address, GUARD[name].at(index) // 4)
        ctx.set(block.write_data, value)
        ctx.set(block.write, 1)
        ctx.set(block.valid, 1)
        for _ in range(500):
            _, _, ready = await ctx.tick().sample(block.ready)
            if ready:
                break
        else:
            raise AssertionError(f"{name} does not commit")
        ctx.set(block.valid, 0)

    async def edit(self, ctx) -> None:
        """Ring −1: edits the maps' words and the registers."""
        rng = self.rng
        cpu = BusMaster(ctx, self.dut.cpu, Authority.RING_MINUS_1)
        while self.now < CYCLES:
            await ctx.tick().repeat(rng.choice((1, 3, 10, 40)))
            last = self.versions[-1].policy
            kind = rng.random()
            if kind < 0.65 or (not last.enable and self.now < CYCLES // 8):
                address = rng.choice(PLACES) + 4 * rng.randrange(MAP_WORDS)
                if address >= MEMORY:
                    continue
                value, mask = rng.choice((0, ONES, rng.getrandbits(32), rng.getrandbits(32))), rng.choice((15, 15, rng.randrange(1, 16)))
                bits = sum(0xFF << 8 * n for n in range(4) if mask >> n & 1)
                words = last.words | {address: last.words.get(address, 0) & ~bits | value & bits}
                await self._change(replace(last, words=words), False, cpu.write(address, value, mask))
            elif kind < 0.75:
                n, base = rng.randrange(2), rng.choice(PLACES)
                bases = tuple(base if k == n else last.bases[k] for k in range(2))
                await self._change(replace(last, bases=bases), True, self._register(ctx, "MAP_BASE", base, n))
            elif kind < 0.85:
                n, length = rng.randrange(2), rng.choice((0, 4, 8, 8, 12, 1 << 18))
                lengths = tuple(length if k == n else last.lengths[k] for k in range(2))
                await self._change(replace(last, lengths=lengths), True, self._register(ctx, "MAP_LENGTH", length, n))
            elif kind < 0.95:
                fmt = rng.choice((0, 0, 1, 1, 1, 2, 3))
                control = GUARD["CONTROL"].field("ENABLE").put(1) | GUARD["CONTROL"].field("FORMAT").put(fmt)
                await self._change(replace(last, enable=True, fmt=fmt), True, self._register(ctx, "CONTROL", control))
            elif rng.random() < 0.5:
                protect = not last.protect
                await self._change(replace(last, protect=protect), True, self._register(ctx, "LAUNCH_CONTROL", protect))
            else:
                launch = rng.randrange(MEMORY >> 16)
                await self._change(replace(last, launch=launch), True, self._register(ctx, "LAUNCH_BASE", launch << 16))
        self.finished = True

    def _target(self, requester: int) -> tuple[int, int]:
        """Address and size of an access; the masters keep to lines of their own, so that data have one owner."""
        rng = self.rng
        if rng.random() < 0.1:  # into a map that is in force
            policy = self.versions[-1].policy
            address = policy.bases[0] + 4 * rng.randrange(-1, MAP_WORDS)
            if policy.bases[0] <= address < policy.bases[0] + policy.lengths[0] and address < MEMORY and policy.enable:
                return address, 4
        page = rng.choice((rng.randrange(PAGES), rng.choice((3, 4, 33))))
        line = page * PAGE + 0x800 + 32 * rng.randrange(2) + 16 * requester
        return (line, 16) if rng.random() < 0.5 else (line + 4 * rng.randrange(4), 4)

    def bench_of(self, requester: int):
        """A DMA device, checking its own data."""

        async def device(ctx) -> None:
            rng = self.rng
            master = BusMaster(ctx, self.dut.dma[requester])
            memory: dict[int, int] = {}
            while not self.finished:
                await ctx.tick().repeat(rng.choice((1, 1, 1, 2, 20)))
                address, size = self._target(requester)
                in_map = address & 0x800 == 0 or address & 0x7F0 > 0x30
                write = in_map or rng.random() < 0.5
                words = [rng.getrandbits(32) for _ in range(size // 4)]
                start = self.now
                # What aims at a map writes no byte: by the time it gets through, the map may lawfully lie elsewhere.
                mask = 0 if in_map else 0xF
                got, error = await master.access(address, write=words if write else None, burst=size == 16, mask=mask)
                self.records.append(Record(requester, address, size, write, start, self.now - 1, error))
                places = range(address, address + size, 4)
                if write and not error:
                    memory |= dict(zip(places, words, strict=True))
                elif not write:
                    assert list(got) == [ONES if error else memory.get(a, 0) for a in places]

        return device

    def judge(self) -> tuple[int, int]:
        """Every verdict against the policies that may have given it; the numbers of refusals and of admissions."""
        for record in self.records:
            oldest = 0
            for n, version in enumerate(self.versions):
                if version.done <= record.start or (version.commits and version.done < record.end):
                    oldest = n
            possible = [v.policy for v in self.versions[oldest:] if v.start <= record.end]
            verdicts = {p.admits(record.requester, record.address, record.write) for p in possible}
            assert (not record.refused) in verdicts, f"{record} against {possible}"
        refused = sum(r.refused for r in self.records)
        return refused, len(self.records) - refused

    def run(self) -> tuple[int, int]:
        simulate(self.dut, self.edit, self.bench_of(0), self.bench_of(1), background=[self.clock])
        return self.judge()


@pytest.mark.parametrize("part", range(3))
def test_every_verdict_is_one_of_a_policy_in_force(rng, part):
    refused, admitted = Run(rng).run()
    assert refused > 30
    assert admitted > 30


def test_a_cache_that_misses_writes_is_found_out(rng, monkeypatch):
    """The judge has teeth: without the watch on writes, stale permissions are used."""

    class Deaf(WordCache):
        def elaborate(self, platform) -> Module:
            self.written = Signal.like(self.written)  # type: ignore[has-type]
            return super().elaborate(platform)

    monkeypatch.setattr(checker, "WordCache", Deaf)
    with pytest.raises(AssertionError, match="against"):
        for _ in range(3):
            Run(rng).run()


def test_a_commit_that_does_not_wait_is_found_out(rng, monkeypatch):
    """The judge has teeth: a register write must wait for what is in flight."""

    class Hasty(GuardRegisters):
        def elaborate(self, platform) -> Module:
            self.drained = Const(1)
            return super().elaborate(platform)

    monkeypatch.setattr(memory_fabric, "GuardRegisters", Hasty)
    with pytest.raises(AssertionError, match="against"):
        for _ in range(6):
            Run(rng).run()
