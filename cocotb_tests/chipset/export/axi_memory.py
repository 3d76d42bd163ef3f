"""A memory that does whatever AXI4 lets it do: reads and writes pass each other, each port's bursts come late, data come interleaved."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

import cocotb
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiBurstType, AxiResp
from cocotbext.axi.axi_channels import AxiARSink, AxiAWSink, AxiBSource, AxiRSource, AxiWSink

__all__ = ["BYTES", "Burst", "UnorderedMemory", "addresses", "stalling"]

_LATE = 60  # cycles

BYTES = 4  # of a beat


def addresses(addr: int, length: int, size: int, burst: int) -> list[int]:
    """Byte address of each beat of a burst; ``length`` is the number of beats."""
    step = 1 << size
    first = addr & ~(step - 1)
    if burst == AxiBurstType.FIXED:
        return [addr] * length
    if burst == AxiBurstType.INCR:
        return [addr, *(first + n * step for n in range(1, length))]
    container = step * length
    base = addr // container * container
    return [base + (addr - base + n * step) % container for n in range(length)]


def stalling(rng: Random, share: float) -> Iterator[bool]:
    """A pause generator: waits in ``share`` of the cycles."""
    while True:
        yield rng.random() < share


@dataclass
class Burst:
    """What memory has been asked for. ``start`` and ``end``: cycles of its address and of its last beat or answer."""

    port: int
    write: bool
    addr: int
    length: int
    size: int
    burst: int
    start: int
    end: int = 1 << 60
    strobes: list[int] = field(default_factory=list)


class UnorderedMemory:
    """``data`` holds the bytes, ``bursts`` what was asked for, in order. ``fails`` says of an address whether it is answered with an error.

    A beat read is what memory holds when it is sent; a beat written may take effect at any time until its answer. ``patience``: how many
    cycles it thinks for, about; now and then a write is answered very late. 0: it is as fast as the bus.
    """

    def __init__(self, bus, clock, reset, rng: Random, now: Callable[[], int], *, size: int, patience: int) -> None:
        self.data = bytearray(size)
        self.bursts: list[Burst] = []
        self.fails: Callable[[int], bool] = lambda address: False
        self.late_share = 0.2  # of the writes
        self._rng, self._now, self._clock, self._patience = rng, now, clock, patience
        self.aw = AxiAWSink(bus.write.aw, clock, reset, reset_active_level=False)
        self.w = AxiWSink(bus.write.w, clock, reset, reset_active_level=False)
        self.b = AxiBSource(bus.write.b, clock, reset, reset_active_level=False)
        self.ar = AxiARSink(bus.read.ar, clock, reset, reset_active_level=False)
        self.r = AxiRSource(bus.read.r, clock, reset, reset_active_level=False)
        self._reads: dict[int, list[Burst]] = {}
        # From which cycle on, of what, with which bytes.
        self._answers: dict[int, list[tuple[int, Burst, list[tuple[int, int]]]]] = {}
        self._tasks: list[cocotb.task.Task[None]] = []
        self.restart()

    def restart(self) -> None:
        """Forget what is under way, as at a reset."""
        for task in self._tasks:
            task.cancel()
        self._reads.clear()
        self._answers.clear()
        self._tasks = [cocotb.start_soon(task()) for task in (self._take_reads, self._give_beats, self._take_writes, self._give_answers)]

    async def _tick(self) -> None:
        await RisingEdge(self._clock)

    def _holds(self, address: int) -> bool:
        return address + BYTES <= len(self.data) and not self.fails(address)

    async def _take_reads(self) -> None:
        while True:
            ar = await self.ar.recv()
            burst = Burst(int(ar.arid), False, int(ar.araddr), int(ar.arlen) + 1, int(ar.arsize), int(ar.arburst), self._now())
            self.bursts.append(burst)
            self._reads.setdefault(burst.port, []).append(burst)

    async def _give_beats(self) -> None:
        """A beat of any port's oldest burst."""
        done: dict[int, int] = {}
        while True:
            waiting = [port for port, bursts in self._reads.items() if bursts]
            if not waiting or self._rng.randrange(1 + self._patience) or self.r.count() > 1:
                await self._tick()
                continue
            port = self._rng.choice(waiting)
            burst = self._reads[port][0]
            number = done.get(port, 0)
            word = addresses(burst.addr, burst.length, burst.size, burst.burst)[number] & ~(BYTES - 1)
            beat = self.r._transaction_obj()
            beat.rid = port
            beat.rresp = AxiResp.OKAY if self._holds(word) else AxiResp.SLVERR
            beat.rdata = int.from_bytes(self.data[word : word + BYTES], "little") if self._holds(word) else 0xDEAD_BEEF
            beat.rlast = number == burst.length - 1
            done[port] = number + 1
            if beat.rlast:
                done[port] = 0
                burst.end = self._now()
                self._reads[port].pop(0)
            await self.r.send(beat)

    async def _take_writes(self) -> None:
        while True:
            aw = await self.aw.recv()
            burst = Burst(int(aw.awid), True, int(aw.awaddr), int(aw.awlen) + 1, int(aw.awsize), int(aw.awburst), self._now())
            self.bursts.append(burst)
            late = []
            for number, address in enumerate(addresses(burst.addr, burst.length, burst.size, burst.burst)):
                beat = await self.w.recv()
                assert bool(int(beat.wlast)) == (number == burst.length - 1), f"WLAST of {burst}"
                burst.strobes.append(int(beat.wstrb))
                word = address & ~(BYTES - 1)
                for lane in range(BYTES):
                    if int(beat.wstrb) >> lane & 1:
                        late.append((word + lane, int(beat.wdata) >> 8 * lane & 0xFF))
                if self._rng.random() < 0.5:
                    self._apply(late)
            due = self._now() + (_LATE if self._patience and self._rng.random() < self.late_share else 0)
            self._answers.setdefault(burst.port, []).append((due, burst, late))

    def _apply(self, late: list[tuple[int, int]]) -> None:
        for address, byte in late:
            if self._holds(address & ~(BYTES - 1)):
                self.data[address] = byte
        late.clear()

    async def _give_answers(self) -> None:
        """The answer to any port's oldest write."""
        while True:
            waiting = [port for port, bursts in self._answers.items() if bursts and bursts[0][0] <= self._now()]
            if not waiting or self._rng.randrange(1 + self._patience) or self.b.count() > 1:
                await self._tick()
                continue
            port = self._rng.choice(waiting)
            _, burst, late = self._answers[port].pop(0)
            self._apply(late)
            touched = addresses(burst.addr, burst.length, burst.size, burst.burst)
            answer = self.b._transaction_obj()
            answer.bid = port
            answer.bresp = AxiResp.OKAY if all(self._holds(a & ~(BYTES - 1)) for a in touched) else AxiResp.SLVERR
            burst.end = self._now()
            await self.b.send(answer)
