"""The machine under attack: all of it but the processor and RAM's array, which the testbench plays; compiled once, used for every run."""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import nullcontext
from functools import cache
from typing import Any
from unittest.mock import patch

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from amaranth.sim import Simulator

import chipset.soc as soc_module
from chipset.boards.straps import Strap
from chipset.devices.storage.memory_disk import MemoryDisk
from chipset.devices.storage.port import SECTOR_WORDS
from chipset.memory_controller.ram import WORD_BYTES, RamSignature
from chipset.soc import DMA_ENGINES, Soc, SocParams
from cocotb_tests.attacks.dma.device import Device
from cocotb_tests.attacks.dma.evidence import Answer, Denial, Evidence
from cocotb_tests.attacks.dma.masters import BusLines, LinkLines, Master
from cocotb_tests.attacks.dma.switchboard import Bug, wired
from cocotb_tests.attacks.dma.world import MEMORY_BYTES
from cocotb_tests.chipset.bus_master import ProcessorDouble

__all__ = ["SECTORS", "Bench", "bench"]

SECTORS = 4  # of the disk; its words are 0 until a script writes them

_LATENCY = 3
_PERIOD = 1e-6
_LONGEST = 20_000  # cycles of a run


class SparseRam(wiring.Component):
    """RAM whose words the testbench keeps. It clears 16 MiB in a cycle, so that a scrub takes 16."""

    clear_words = 1 << 22
    port: In(RamSignature(MEMORY_BYTES // WORD_BYTES))

    def elaborate(self, platform) -> Module:
        return Module()


class _WithDisk(wiring.Component):
    """The machine and what keeps its disk's sectors."""

    def __init__(self, soc: Soc, disk: MemoryDisk) -> None:
        self._soc, self._disk = soc, disk
        super().__init__({})

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.soc = self._soc
        m.submodules.disk = self._disk
        wiring.connect(m, self._soc.storage, self._disk.port)
        return m


class Bench:
    """One machine, and the clockwork that plays masters and RAM around it and writes down what is seen.

    Parameters
    ----------
    seeded : whether the bugs of the switchboard are built in, each behind its switch
    disk : whether the machine has a disk, which makes its simulation slower by a third

    Attributes
    ----------
    processor, host : Master each; raw : Masters in the devices' place
    take_over : which devices the masters in ``raw`` play; the machine's own engine works otherwise
    evidence : of this run
    sectors : words to be put on the disk, by sector
    dma_masters : how many there are
    cycle : now; in_reset : the machine is in platform reset
    """

    def __init__(self, *, seeded: bool, disk: bool) -> None:
        self._double = ProcessorDouble()
        self._devices = [Device() for _ in range(DMA_ENGINES)]
        self._ram = SparseRam()
        self._disk = MemoryDisk(SECTORS)
        params = SocParams(memory_bytes=MEMORY_BYTES, latency=_LATENCY, storage=disk)
        self.soc = Soc(self._double, params, rom=bytes(16), ram=self._ram)
        with wired() if seeded else nullcontext(), patch.object(soc_module, "DmaEngine", iter(self._devices).__next__):
            self._simulator = Simulator(_WithDisk(self.soc, self._disk) if disk else self.soc)
        self._simulator.add_clock(_PERIOD)
        self._simulator.add_testbench(self._clockwork)
        self._seeded = seeded
        self.dma_masters = params.dma_masters
        self._used = False

    def run(self, evidence: Evidence, script: Callable[[], Coroutine[None, None, None]], off: tuple[Strap | Bug, ...]) -> None:
        """Runs the machine from power on until ``script`` has ended. ``off`` is switched off."""
        straps = [s for s in off if isinstance(s, Strap)]
        self._bugs = [b for b in off if isinstance(b, Bug)]
        assert self._seeded or not self._bugs
        self._straps = sum(straps)
        self.evidence = evidence
        self.cycle = 0
        self.in_reset = True
        self.take_over = [True] * DMA_ENGINES
        self.button = False
        self.shutdown = False
        self.sectors: dict[int, list[int]] = {}
        lines: list[BusLines | LinkLines] = [BusLines(self._double.bus), LinkLines(self.soc), *(BusLines(d.raw) for d in self._devices)]
        self.masters = [Master(each, evidence.jobs) for each in lines]
        self.processor, self.host, *self.raw = self.masters
        self._script = script()
        if self._used:
            self._simulator.reset()
        self._used = True
        self._simulator.run()

    def _signals(self) -> Iterator[Any]:
        """What is sampled at each clock edge, in the order in which ``_clockwork`` takes it apart."""
        soc, ram = self.soc, self._ram.port
        yield from (soc.platform_reset, self._double.a20m)
        yield from (ram.enable, ram.write_mask, ram.address, ram.write_data, ram.clear)
        yield from (soc.denial.valid, soc.denial.address, soc.denial.requester, soc.denial.write)
        for n in range(self.dma_masters):
            seen = soc.dma[n]
            yield from (seen.request, seen.address, seen.write, seen.answer, seen.error, seen.data)
        for master in self.masters:
            yield from master.lines.inputs

    async def _clockwork(self, ctx) -> None:
        ctx.set(self.soc.straps.as_value(), self._straps)
        for bug in self._bugs:
            ctx.set(bug.switch, 1)
        for device in self._devices:
            ctx.set(device.taken_over, 1)
        driven = (list(self.take_over), self.button, self.shutdown)
        async for _, _, *sampled in ctx.tick().sample(*self._signals()):
            values = iter(sampled)

            def take(count: int, values: Iterator[int] = values) -> list[int]:
                return [next(values) for _ in range(count)]

            reset, a20m = take(2)
            read = self._memory(*take(5))
            if read is not None:
                ctx.set(self._ram.port.read_data, read)
            self._observe(take)
            for master in self.masters:
                master.step(self.cycle, *take(5))
            if reset and not self.in_reset:
                self.evidence.reset_at = self.cycle
                for master in self.masters:
                    master.drop()
            self.in_reset = bool(reset)
            self.cycle += 1
            assert self.cycle < _LONGEST, "the script does not end"
            try:
                self._script.send(None)
            except StopIteration:
                return
            for master in self.masters:
                if (wanted := master.drive(self.cycle - 1, bool(a20m))) is not None:
                    for signal, value in zip(master.lines.outputs, wanted, strict=True):
                        ctx.set(signal, value)
            if driven != (now := (list(self.take_over), self.button, self.shutdown)):
                driven = now
                for device, taken in zip(self._devices, self.take_over, strict=True):
                    ctx.set(device.taken_over, taken)
                ctx.set(self.soc.external_reset, self.button)
                ctx.set(self._double.shutdown, self.shutdown)
            for number, words in self.sectors.items():
                for n, word in enumerate(words):
                    ctx.set(self._disk.words[number * SECTOR_WORDS + n], word)
            self.sectors.clear()

    def _memory(self, enable: int, mask: int, word: int, data: int, clear: int) -> int | None:
        """What RAM does at this edge; the word that is read from now on."""
        if not enable:
            return None
        ram, address = self.evidence.world.ram, word * WORD_BYTES
        old = ram.get(address, 0)
        if clear:
            block = SparseRam.clear_words * WORD_BYTES
            start = address & -block
            for known in [a for a in ram if start <= a < start + block]:
                del ram[known]
        elif mask:
            bits = sum(0xFF << 8 * n for n in range(WORD_BYTES) if mask >> n & 1)
            ram[address] = old & ~bits | data & bits
        return old

    def _observe(self, take) -> None:
        """Denials, and what the devices do and are given."""
        evidence = self.evidence
        valid, address, requester, write = take(4)
        if valid:
            evidence.denials.append(Denial(self.cycle, address, requester, bool(write)))
        for n in range(self.dma_masters):
            request, address, write, answer, error, data = take(6)
            if request:
                evidence.touched.append((n, address, bool(write)))
            if answer:
                evidence.answers.append(Answer(self.cycle, n, data, bool(error)))


@cache
def bench(*, seeded: bool, disk: bool) -> Bench:
    """The machine as it is, or with the switchboard; one of each a process."""
    return Bench(seeded=seeded, disk=disk)
