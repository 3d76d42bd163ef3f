"""Random traffic of all ports of the exported AXI4 guard while the policy changes under way; ``test_axi.py`` runs it.

Masters keep to lines of their own, so that each knows what it must read; the verdicts are ``policy_model``'s to judge, at the master and
again where bursts arrive at memory. The memory keeps no order that AXI4 does not ask for.
"""

import os
from dataclasses import dataclass, replace
from typing import Any

import cocotb
from cocotb.triggers import Combine
from cocotbext.axi import AxiBurstType, AxiResp

from chipset.export.axi_top import guarded_name
from cocotb_tests.chipset.dma_policy.policy_model import History
from cocotb_tests.chipset.export.axi_bench import MEMORY_BYTES, ONES, PAGE, PAGES, Bench
from cocotb_tests.chipset.export.axi_under_cocotb import REQUESTERS
from contracts.policy_map import GUARD

__all__: list[str] = []

PLACES = (0x3C000, 0x3D100, 0x3EFF4)  # where maps may lie
MAP_WORDS = 3
CYCLES = int(os.environ.get("RANDOM_CYCLES", "6000"))
OWN = 0x200  # bytes of a page that one master has for itself, from this address on times 1 + its number
SLOTS = 8


@dataclass
class Record:
    """An access of a master."""

    port: int
    address: int
    write: bool
    asked: int
    ended: int
    refused: bool


class Run:
    """Masters, an editor of policies, and what they saw."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.rng = bench.rng
        self.history = History()
        self.records: list[Record] = []
        self.under_way: dict[tuple[int, bool], int] = {}  # when what a port does now was asked for
        self.asked: dict[int, int] = {}  # when the burst that memory saw had been asked for, by its number in the list
        self.finished = False

    # The policy.

    async def _register(self, name: str, value: int, index: int = 0, **changes: Any) -> None:
        version = self.history.begin(replace(self.history.last, **changes), self.bench.now(), commits=True)
        await self.bench.within(self.bench.put(name, value, index))
        version.done = self.bench.now()

    async def _store(self, address: int, words: list[int]) -> None:
        """A burst of map words; each counts from some time before the answer, so each is a version of its own."""
        now = self.bench.now()
        versions = []
        for n, word in enumerate(words):
            changed = {**self.history.last.words, address + 4 * n: word}
            versions.append(self.history.begin(replace(self.history.last, words=changed), now, commits=False))
        assert await self.bench.within(self.bench.trusted.write(address, words)) == AxiResp.OKAY
        for version in versions:
            version.done = self.bench.now()

    async def edit(self) -> None:
        """Change something of the policy, again and again."""
        rng = self.rng
        control = GUARD["CONTROL"]
        for place in PLACES:
            await self._store(place, [rng.getrandbits(32) for _ in range(MAP_WORDS)])
        for n in range(REQUESTERS):
            bases = tuple(PLACES[n] if k == n else b for k, b in enumerate(self.history.last.bases))
            await self._register("MAP_BASE", PLACES[n], n, bases=bases)
            lengths = tuple(4 * MAP_WORDS if k == n else b for k, b in enumerate(self.history.last.lengths))
            await self._register("MAP_LENGTH", 4 * MAP_WORDS, n, lengths=lengths)
        await self._register("CONTROL", control.field("ENABLE").put(1), enable=True)
        end = self.bench.now() + CYCLES
        while self.bench.now() < end:
            await self.bench.cycles(rng.choice((0, 3, 20, 60)))
            chance = rng.random()
            last = self.history.last
            if chance < 0.6:
                first = rng.randrange(MAP_WORDS)
                count = rng.randrange(1, MAP_WORDS - first + 1)
                await self._store(rng.choice(PLACES) + 4 * first, [rng.getrandbits(32) for _ in range(count)])
            elif chance < 0.75:
                fmt = rng.choice((0, 1, 2, 2, 3))
                value = control.field("ENABLE").put(1) | control.field("FORMAT").put(fmt)
                await self._register("CONTROL", value, fmt=fmt)
            elif chance < 0.85:
                n = rng.randrange(REQUESTERS)
                base = rng.choice(PLACES)
                await self._register("MAP_BASE", base, n, bases=tuple(base if k == n else b for k, b in enumerate(last.bases)))
            elif chance < 0.92:
                n = rng.randrange(REQUESTERS)
                length = 4 * rng.choice((0, 1, 2, 3, 3, 3))
                await self._register("MAP_LENGTH", length, n, lengths=tuple(length if k == n else b for k, b in enumerate(last.lengths)))
            else:
                await self._register("LAUNCH_CONTROL", int(not last.protect), protect=not last.protect)
        self.finished = True

    # The masters.

    async def work(self, port: int, write: bool) -> None:
        """One direction of one port: an access at a time, checking its data."""
        rng, bench = self.rng, self.bench
        device = bench.ports[port]
        while not self.finished:
            await bench.cycles(rng.choice((0, 0, 1, 2, 15)))
            page = rng.choice((rng.randrange(PAGES), rng.choice((3, 4, 33))))
            address = page * PAGE + OWN * (1 + port) + 64 * rng.randrange(SLOTS)
            beats = rng.choice((1, 2, 4, 16))
            burst = rng.choice((AxiBurstType.INCR, AxiBurstType.WRAP)) if beats > 1 else AxiBurstType.INCR
            asked = bench.now()
            self.under_way[port, write] = asked
            if write:
                # Every byte of a slot tells whose it is, so that reads can be checked while writes are under way.
                words = [0xA000_0000 | port << 24 | rng.getrandbits(24) for _ in range(beats)]
                answer = await bench.within(self._write(device, address, words, burst))
                refused = answer != AxiResp.OKAY
            else:
                read = await bench.within(device.read(address, beats, burst=burst, ident=port))
                refused = not read.good
                if refused:
                    assert read.words == [ONES] * beats
                else:
                    assert all(w == 0 or w >> 24 == 0xA0 | port for w in read.words), read.words
            self.records.append(Record(port, address, write, asked, bench.now(), refused))

    async def _write(self, device, address: int, words: list[int], burst: int) -> int:
        return await device.write(address, words, burst=burst, ident=self.rng.randrange(16))

    # The judge.

    async def watch(self) -> None:
        """Note when what arrives at memory had been asked for; and see that no port's wires show what others read."""
        bursts = self.bench.memory.bursts
        wires = [getattr(self.bench.dut, f"{guarded_name(port)}_rdata") for port in range(REQUESTERS)]
        while not self.finished:
            for port, wire in enumerate(wires):
                shown = int(wire.value)
                assert shown in (0, ONES) or shown >> 24 == 0xA0 | port, f"port {port} shows {shown:#x}"
            for number in range(len(self.asked), len(bursts)):
                burst = bursts[number]
                self.asked[number] = self.under_way.get((burst.port, burst.write), 0)
            await self.bench.cycles(1)

    def judge(self) -> tuple[int, int]:
        """Every verdict; the numbers of refusals and admissions."""
        for r in self.records:
            allowed = self.history.verdicts(r.port, r.address, r.write, asked=r.asked, ended=r.ended)
            assert (not r.refused) in allowed, r
        for number, burst in enumerate(self.bench.memory.bursts):
            if burst.port >= REQUESTERS or number not in self.asked:
                continue
            allowed = self.history.verdicts_at_memory(burst.port, burst.addr, burst.write, asked=self.asked[number], seen=burst.start)
            assert True in allowed, burst
            if burst.end < 1 << 60:
                assert not self.history.straddled(seen=burst.start, ended=burst.end), burst
        refused = sum(r.refused for r in self.records)
        return refused, len(self.records) - refused


@cocotb.test()
async def every_verdict_is_one_of_a_policy_in_force(dut) -> None:
    bench = Bench(dut, cocotb.RANDOM_SEED, requesters=REQUESTERS, patience=3)
    await bench.reset()
    bench.memory.data[:] = bytes(MEMORY_BYTES)
    bench.stall(0.15)
    run = Run(bench)
    tasks = [cocotb.start_soon(run.work(port, write)) for port in range(REQUESTERS) for write in (False, True)]
    watching = cocotb.start_soon(run.watch())
    await run.edit()
    await bench.within(Combine(*tasks))
    await bench.within(watching)
    refused, admitted = run.judge()
    assert refused > 30 and admitted > 30, (refused, admitted)
    for port in range(REQUESTERS):
        assert sum(r.port == port for r in run.records) > 20


@cocotb.test()
async def an_edit_and_a_walk_at_the_same_time(dut) -> None:
    """A word is written, late, while the guard looks it up: the next access is judged by what was written."""
    bench = Bench(dut, cocotb.RANDOM_SEED, requesters=REQUESTERS, patience=3)
    await bench.reset()
    await bench.protect(set())
    bench.memory.late_share = 0.7
    rng = bench.rng
    page, base = 5, PLACES[0]
    device = bench.ports[0]
    for number in range(150):
        opened = number % 2
        await bench.put("MAP_BASE", base)  # forgets what is cached
        writing = cocotb.start_soon(bench.trusted.write(base, [opened << page]))
        await bench.cycles(rng.randrange(12))
        await bench.within(device.read(page * PAGE))
        assert await bench.within(writing) == AxiResp.OKAY
        assert (await bench.within(device.read(page * PAGE))).good == opened, number
        assert (await bench.within(device.write(page * PAGE, [0])) == AxiResp.OKAY) == opened, number
