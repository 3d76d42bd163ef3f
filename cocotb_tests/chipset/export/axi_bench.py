"""Masters, memory and registers around the exported AXI4 guard."""

from dataclasses import dataclass
from random import Random

from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer, with_timeout
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiBurstType, AxiBus, AxiLiteBus, AxiLiteMaster, AxiResp
from cocotbext.axi.axi_channels import AxiARSource, AxiAWSource, AxiBSink, AxiRSink, AxiWSource

from chipset.export.axi_top import MEMORY, REGISTERS, TRUSTED, guarded_name
from cocotb_tests.chipset.export.axi_memory import BYTES, UnorderedMemory, addresses, stalling
from contracts.policy_map import GUARD, Format

__all__ = ["ALL_BURSTS", "MAP", "MEMORY_BYTES", "ONES", "PAGE", "PAGES", "PERIOD", "Bench", "Device", "Read"]

PERIOD = 10  # ns
PAGE = 4096
PAGES = 64
MEMORY_BYTES = PAGES * PAGE
MAP = 0x3C000  # of the map; 8 bytes cover all pages in the formats with a bit a page
ONES = 0xFFFF_FFFF
ALL_BURSTS = (AxiBurstType.FIXED, AxiBurstType.INCR, AxiBurstType.WRAP)
BOUND = 20_000  # cycles within which everything is answered


@dataclass(frozen=True)
class Read:
    """What a read burst brought: the word of each beat, and each beat's response."""

    words: list[int]
    responses: list[int]

    @property
    def good(self) -> bool:
        return all(r == AxiResp.OKAY for r in self.responses)


class Device:
    """A master of one port, burst by burst, each channel in its hands."""

    def __init__(self, dut, prefix: str) -> None:
        bus = AxiBus.from_prefix(dut, prefix)
        clock, reset = dut.aclk, dut.aresetn
        self.aw = AxiAWSource(bus.write.aw, clock, reset, reset_active_level=False)
        self.w = AxiWSource(bus.write.w, clock, reset, reset_active_level=False)
        self.b = AxiBSink(bus.write.b, clock, reset, reset_active_level=False)
        self.ar = AxiARSource(bus.read.ar, clock, reset, reset_active_level=False)
        self.r = AxiRSink(bus.read.r, clock, reset, reset_active_level=False)
        for source in (self.aw, self.w, self.ar):
            source.queue_occupancy_limit = 2  # who sends waits until the guard takes
        self.channels = (self.aw, self.w, self.b, self.ar, self.r)

    async def ask_read(self, addr: int, beats: int = 1, *, ident: int = 0, size: int = 2, burst: int = AxiBurstType.INCR) -> None:
        """Send a read's address."""
        ar = self.ar._transaction_obj()
        ar.arid, ar.araddr, ar.arlen, ar.arsize, ar.arburst = ident, addr, beats - 1, size, int(burst)
        await self.ar.send(ar)

    async def take_read(self, beats: int = 1, ident: int = 0) -> Read:
        """The beats of one read."""
        words, responses = [], []
        for n in range(beats):
            beat = await self.r.recv()
            assert int(beat.rid) == ident
            assert bool(int(beat.rlast)) == (n == beats - 1), "RLAST"
            words.append(int(beat.rdata))
            responses.append(int(beat.rresp))
        return Read(words, responses)

    async def read(self, addr: int, beats: int = 1, *, ident: int = 0, size: int = 2, burst: int = AxiBurstType.INCR) -> Read:
        """A whole read."""
        await self.ask_read(addr, beats, ident=ident, size=size, burst=burst)
        return await self.take_read(beats, ident)

    async def ask_write(self, addr: int, beats: int, *, ident: int = 0, size: int = 2, burst: int = AxiBurstType.INCR) -> None:
        """Send a write's address."""
        aw = self.aw._transaction_obj()
        aw.awid, aw.awaddr, aw.awlen, aw.awsize, aw.awburst = ident, addr, beats - 1, size, int(burst)
        await self.aw.send(aw)

    async def send_beat(self, word: int, last: bool, strobe: int = 0xF) -> None:
        """One beat of a write's data."""
        w = self.w._transaction_obj()
        w.wdata, w.wstrb, w.wlast = word, strobe, last
        await self.w.send(w)

    async def take_answer(self, ident: int = 0) -> int:
        """The answer to one write."""
        b = await self.b.recv()
        assert int(b.bid) == ident
        return int(b.bresp)

    async def write(
        self, addr: int, words: list[int], *, ident: int = 0, size: int = 2, burst: int = AxiBurstType.INCR,
        strobes: list[int] | None = None,
    ) -> int:  # fmt: skip
        """A whole write; its response."""
        await self.ask_write(addr, len(words), ident=ident, size=size, burst=burst)
        for n, word in enumerate(words):
            await self.send_beat(word, n == len(words) - 1, strobes[n] if strobes else 0xF)
        return await self.take_answer(ident)


class Bench:
    """The whole; ``ports`` are the guarded masters."""

    def __init__(self, dut, seed: int, *, requesters: int, patience: int = 2, memory: bool = True) -> None:
        self.dut = dut
        self.rng = Random(seed)
        Clock(dut.aclk, PERIOD, "ns").start()
        self.ports = [Device(dut, guarded_name(n)) for n in range(requesters)]
        self.trusted = Device(dut, TRUSTED)
        self.registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, REGISTERS), dut.aclk, dut.aresetn, reset_active_level=False)
        if memory:
            self.memory = UnorderedMemory(
                AxiBus.from_prefix(dut, MEMORY), dut.aclk, dut.aresetn, self.rng, self.now, size=MEMORY_BYTES, patience=patience
            )

    def now(self) -> int:
        """The cycle."""
        return int(get_sim_time("ns")) // PERIOD

    async def cycles(self, count: int) -> None:
        if count:
            await Timer(count * PERIOD, "ns")

    async def reset(self) -> None:
        self.dut.device_idle.value = 0
        self.dut.aresetn.value = 0
        await self.cycles(5)
        self.dut.aresetn.value = 1
        await self.cycles(2)
        await RisingEdge(self.dut.aclk)

    def stall(self, share: float) -> None:
        """Let every master and the memory make the guard wait in so many of the cycles."""
        for device in (*self.ports, self.trusted):
            for channel in device.channels:
                channel.set_pause_generator(stalling(self.rng, share))
        for channel in (self.memory.aw, self.memory.w, self.memory.b, self.memory.ar, self.memory.r):
            channel.set_pause_generator(stalling(self.rng, share))

    async def put(self, name: str, value: int, index: int = 0) -> None:
        """Write a register of the guard."""
        done = await self.registers.write(GUARD[name].at(index), value.to_bytes(4, "little"))
        assert done.resp == AxiResp.OKAY

    async def get(self, name: str, index: int = 0) -> int:
        """Read one."""
        return int.from_bytes((await self.registers.read(GUARD[name].at(index), 4)).data, "little")

    async def protect(self, allowed: set[int], fmt: Format = Format.UNIFORM) -> None:
        """Put a map with a bit a page at ``MAP`` and switch the guard on."""
        for word in range(PAGES // 32):
            bits = sum(1 << page % 32 for page in allowed if page // 32 == word)
            assert await self.trusted.write(MAP + 4 * word, [bits]) == AxiResp.OKAY
        for n in range(len(self.ports) if fmt is not Format.UNIFORM else 1):
            await self.put("MAP_BASE", MAP, n)
            await self.put("MAP_LENGTH", PAGES // 8, n)
        await self.switch_on(fmt)

    async def switch_on(self, fmt: Format = Format.UNIFORM) -> None:
        """Let the guard check."""
        control = GUARD["CONTROL"]
        await self.put("CONTROL", control.field("ENABLE").put(1) | control.field("FORMAT").put(int(fmt)))

    def peek(self, addr: int, beats: int = 1, size: int = 2, burst: int = AxiBurstType.INCR) -> list[int]:
        """The words that a burst would read."""
        words = [a & ~(BYTES - 1) for a in addresses(addr, beats, size, burst)]
        return [int.from_bytes(self.memory.data[a : a + BYTES], "little") for a in words]

    def fill(self) -> None:
        """Random bytes in memory."""
        self.memory.data[:] = self.rng.randbytes(MEMORY_BYTES)

    async def within(self, awaitable, cycles: int = BOUND):
        """Its result, which must come in time."""
        return await with_timeout(awaitable, cycles * PERIOD, "ns")
