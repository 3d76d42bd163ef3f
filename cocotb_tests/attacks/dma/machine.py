"""The machine under attack: all of it but the processor and RAM's array, which the testbench plays; one circuit, used for every run."""

from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from functools import cache
from typing import Any

from chipset.boards.straps import Strap
from chipset.devices.storage.port import SECTOR_WORDS
from chipset.memory_controller.ram import WORD_BYTES
from cocotb_tests import verilated
from cocotb_tests.attacks.dma.circuit import ROW, Circuit, SparseRam, WithDisk
from cocotb_tests.attacks.dma.evidence import Answer, Denial, Evidence
from cocotb_tests.attacks.dma.masters import BusLines, LinkLines, Master
from cocotb_tests.attacks.dma.switchboard import Bug

__all__ = ["Bench", "bench"]

_LONGEST = 20_000  # cycles of a run


class Bench:
    """One machine, and the clockwork that plays masters and RAM around it and writes down what is seen.

    Parameters
    ----------
    seeded : whether the bugs of the switchboard are built in, each behind its switch
    disk : whether the machine has a disk

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
        self._circuit = circuit = Circuit(seeded, disk)
        self.soc, self._double, self._ram, self._devices = circuit.soc, circuit.processor, circuit.ram, circuit.devices
        self._seeded = seeded
        self.dma_masters = self.soc.params.dma_masters

    def run(self, evidence: Evidence, script: Callable[[], Coroutine[None, None, None]], off: tuple[Strap | Bug, ...]) -> None:
        """Runs the machine from power on until ``script`` has ended. ``off`` is switched off."""
        straps = [s for s in off if isinstance(s, Strap)]
        self._bugs = [b for b in off if isinstance(b, Bug)]
        assert self._seeded or not self._bugs
        self._straps = sum(straps)
        self.evidence = evidence
        self.cycle = 0
        self.in_reset = True
        self.take_over = [True] * len(self._devices)
        self.button = False
        self.shutdown = False
        self.sectors: dict[int, list[int]] = {}
        self._rows: deque[tuple[int, list[int]]] = deque()
        lines: list[BusLines | LinkLines] = [BusLines(self._double.bus), LinkLines(self.soc), *(BusLines(d.raw) for d in self._devices)]
        self.masters = [Master(each, evidence.jobs) for each in lines]
        self.processor, self.host, *self.raw = self.masters
        self._script = script()
        verilated.simulate(self._circuit.spec, self._circuit, self._clockwork)

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
            if self._circuit.with_disk is not None:
                self._fill_disk(ctx, self._circuit.with_disk)

    def _fill_disk(self, ctx, disk: WithDisk) -> None:
        """Puts the next words of ``sectors`` on the disk; all are there before it is asked for any."""
        for number, words in self.sectors.items():
            first = number * SECTOR_WORDS // ROW
            self._rows.extend((first + n // ROW, words[n : n + ROW]) for n in range(0, len(words), ROW))
        self.sectors.clear()
        if self._rows:
            assert not ctx.get(disk.busy), "the disk is asked before it is filled"
            row, words = self._rows.popleft()
            ctx.set(disk.row, row)
            ctx.set(disk.words, sum(word << 32 * n for n, word in enumerate(words)))
            ctx.set(disk.fill, (1 << len(words)) - 1)
        elif ctx.get(disk.fill):
            ctx.set(disk.fill, 0)

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
