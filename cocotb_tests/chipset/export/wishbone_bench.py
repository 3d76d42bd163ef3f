"""Masters, memory and registers around the exported Wishbone guard, with cocotbext-wishbone's master and slave."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer, with_timeout
from cocotb.utils import get_sim_time
from cocotbext.wishbone.driver import WBOp, WishboneMaster
from cocotbext.wishbone.monitor import WishboneSlave

from chipset.export.wishbone_top import MEMORY, REGISTERS, TRUSTED, guarded_name
from contracts.policy_map import GUARD, Format

__all__ = ["MAP", "MEMORY_BYTES", "ONES", "PAGE", "PAGES", "Access", "Bench", "Memory", "Port"]

PERIOD = 10  # ns
PAGE = 4096
PAGES = 64
MEMORY_BYTES = PAGES * PAGE
MAP = 0x3C000
ONES = 0xFFFF_FFFF
ACK, ERR = 1, 2  # as cocotbext-wishbone numbers them
BOUND = 5000  # cycles
_AS_MASTER = {"cyc": "cyc_i", "stb": "stb_i", "we": "we_i", "adr": "adr_i", "sel": "sel_i", "datwr": "dat_i",
              "datrd": "dat_o", "ack": "ack_o", "err": "err_o"}  # fmt: skip
_AS_SLAVE = {"cyc": "cyc_o", "stb": "stb_o", "we": "we_o", "adr": "adr_o", "sel": "sel_o", "datwr": "dat_o",
             "datrd": "dat_i", "ack": "ack_i", "err": "err_i"}  # fmt: skip


@dataclass
class Access:
    """What memory has been asked for: cycles of its strobe and of its answer."""

    address: int
    write: bool
    start: int
    end: int = 1 << 60


class Memory:
    """A slave that answers after a while; ``data`` holds the bytes. What it reads and writes it does when it sees the strobe."""

    def __init__(self, dut, rng: Random, now: Callable[[], int], patience: int) -> None:
        self.data = bytearray(MEMORY_BYTES)
        self.accesses: list[Access] = []
        self.fails: Callable[[int], bool] = lambda address: False
        self._dut, self._rng, self._now, self._patience = dut, rng, now, patience
        self._word = 0
        WishboneSlave(
            dut, MEMORY, dut.clk, signals_dict=_AS_SLAVE, datgen=self._words(), ackgen=self._replies(), waitreplygen=self._waits()
        )

    def _address(self) -> int:
        return int(getattr(self._dut, f"{MEMORY}_adr_o").value) & ~3

    def _good(self) -> bool:
        return self._address() < MEMORY_BYTES and not self.fails(self._address())

    def _waits(self) -> Iterator[int]:
        while True:
            yield self._rng.randrange(self._patience + 1)

    def _words(self) -> Iterator[int]:
        while True:
            at = self._address()
            yield int.from_bytes(self.data[at : at + 4], "little") if self._good() else 0xDEAD_BEEF

    def _replies(self) -> Iterator[int]:
        """Asked for once an access: so here writes are done."""
        dut = self._dut
        while True:
            at = self._address()
            write = bool(int(getattr(dut, f"{MEMORY}_we_o").value))
            self.accesses.append(Access(at, write, self._now()))
            if write and self._good():
                word, select = int(getattr(dut, f"{MEMORY}_dat_o").value), int(getattr(dut, f"{MEMORY}_sel_o").value)
                for lane in range(4):
                    if select >> lane & 1:
                        self.data[at + lane] = word >> 8 * lane & 0xFF
            yield ACK if self._good() else ERR


class Port:
    """A master of one port."""

    def __init__(self, dut, prefix: str) -> None:
        self._master = WishboneMaster(dut, prefix, dut.clk, timeout=BOUND, signals_dict=_AS_MASTER)

    async def access(self, operations: list[WBOp]) -> list[tuple[int, bool]]:
        """Several accesses in one cycle of CYC: what each read, and whether it ended with ACK."""
        results = await self._master.send_cycle(operations)
        assert len(results) == len(operations)
        return [(int(r.datrd), r.ack == ACK) for r in results]

    async def read(self, address: int) -> tuple[int, bool]:
        return (await self.access([WBOp(address)]))[0]

    async def write(self, address: int, word: int, select: int = 0xF) -> bool:
        """Whether it ended with ACK."""
        return (await self.access([WBOp(address, word, sel=select)]))[0][1]


class Bench:
    """The whole; ``ports`` are the guarded masters."""

    def __init__(self, dut, seed: int, *, requesters: int, patience: int = 3) -> None:
        self.dut = dut
        self.rng = Random(seed)
        Clock(dut.clk, PERIOD, "ns").start()
        self.ports = [Port(dut, guarded_name(n)) for n in range(requesters)]
        self.trusted = Port(dut, TRUSTED)
        self.registers = Port(dut, REGISTERS)
        self.memory = Memory(dut, self.rng, self.now, patience)

    def now(self) -> int:
        return int(get_sim_time("ns")) // PERIOD

    async def cycles(self, count: int) -> None:
        if count:
            await Timer(count * PERIOD, "ns")

    async def reset(self) -> None:
        self.dut.device_idle.value = 0
        self.dut.rst.value = 1
        await self.cycles(5)
        self.dut.rst.value = 0
        await RisingEdge(self.dut.clk)
        self.memory.data[:] = self.rng.randbytes(MEMORY_BYTES)

    async def put(self, name: str, value: int, index: int = 0) -> None:
        assert await self.registers.write(GUARD[name].at(index), value)

    async def get(self, name: str, index: int = 0) -> int:
        word, good = await self.registers.read(GUARD[name].at(index))
        assert good
        return word

    async def protect(self, allowed: set[int]) -> None:
        """Put a map of the uniform format at ``MAP`` and switch the guard on."""
        for word in range(PAGES // 32):
            assert await self.trusted.write(MAP + 4 * word, sum(1 << page % 32 for page in allowed if page // 32 == word))
        await self.put("MAP_BASE", MAP)
        await self.put("MAP_LENGTH", PAGES // 8)
        await self.switch_on()

    async def switch_on(self, fmt: Format = Format.UNIFORM) -> None:
        control = GUARD["CONTROL"]
        await self.put("CONTROL", control.field("ENABLE").put(1) | control.field("FORMAT").put(int(fmt)))

    def peek(self, address: int) -> int:
        return int.from_bytes(self.memory.data[address : address + 4], "little")

    async def within(self, awaitable, cycles: int = BOUND):
        """Its result, which must come in time."""
        return await with_timeout(awaitable, cycles * PERIOD, "ns")
