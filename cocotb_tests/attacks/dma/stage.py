"""What a script of an attack can do: ring -1's part, the attacker's guest, its devices."""

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from cocotb_tests.attacks.dma.disk_driver import DiskDriver
from cocotb_tests.attacks.dma.evidence import Contest, Evidence, Job, Party
from cocotb_tests.attacks.dma.machine import Bench
from cocotb_tests.attacks.dma.masters import PATIENCE, Beat, Master, Pending, beats_of, link_write
from cocotb_tests.attacks.dma.world import HOMES, MAP_BYTES, MAPS, MARK, Owner, World, is_secret, secret
from contracts.bus import Authority, Space
from contracts.dma_engine import DMA_ENGINE
from contracts.memory_map import DMA_ENGINE_STRIDE, PAGE_SIZE, Physical
from contracts.policy_map import GUARD, Format, bit_number

__all__ = ["Slip", "Stage", "engine", "guard"]

ONES = 0xFFFF_FFFF
_WORD = 4
_KEPT = ("CONTROL", "LAUNCH_BASE", "LAUNCH_CONTROL", "DEVICE_RESET")  # what ring -1 writes is what it reads
_TOLD = ("STATUS", "DENIED_COUNT", "LOG_ADDRESS", "LOG_INFO")
_EFFECTIVE = 1  # a register write counts from the cycle before its answer on
_LONG = 3 * PATIENCE  # for all that is under way


class Slip(Enum):
    """Mistakes of ring -1's own software, for control runs: protections that are a matter of its order or care."""

    HALF_A_MAP = "clears 4 KiB of the 8 KiB of a map before use"
    WINDOW_AT_HAND_OVER = "ends the launch protection before the policy is in force"
    GIVES_BEFORE_IDLE = "gives a device on without waiting until it is idle"


def guard(name: str, index: int = 0) -> int:
    """Address of one of the guard's registers."""
    return Physical.GUARD + GUARD[name].at(index)


def engine(name: str, number: int = 0) -> int:
    """Address of one of an engine's registers."""
    return Physical.DMA_ENGINES + number * DMA_ENGINE_STRIDE + DMA_ENGINE[name].offset


@dataclass(frozen=True)
class _Cycle:
    def __await__(self) -> Generator[None, None, None]:
        yield


class Caller:
    """Reads and writes of one party through one master. Each returns a Pending: await it for the Job, or let it run."""

    def __init__(self, stage: "Stage", master: Master, party: Party) -> None:
        self._stage = stage
        self._master = master
        self.party = party

    def read(self, address: int, *, burst: bool = False, lawful: bool = False, hostile: bool = False, gap: int = 0,
             **lies: Any) -> Pending:  # fmt: skip
        """A word, or a line."""
        job = Job(self.party, address, write=False, lawful=lawful, hostile=hostile)
        return self._send(job, beats_of(address, None, burst=burst, gap=gap, authority=self._authority, **lies))

    def write(self, address: int, *words: int, mask: int = 0xF, lawful: bool = False, hostile: bool = False, gap: int = 0,
              **lies: Any) -> Pending:  # fmt: skip
        """A word (or bytes of it), or a line."""
        job = Job(self.party, address, write=True, lawful=lawful, hostile=hostile)
        if self.party in (Party.RING_MINUS_1, Party.HOST):
            for n, word in enumerate(words):
                self._stage.noted(address + _WORD * n, word, mask)
        return self._send(job, beats_of(address, words, burst=len(words) > 1, mask=mask, gap=gap, authority=self._authority, **lies))

    def say(self, beats: Sequence[Beat], *, complete: bool = True) -> Pending:
        """Anything at all. ``complete``: it is a whole request, so that it is owed an answer."""
        first = beats[0].fields
        job = Job(self.party, first["address"], write=bool(first["write"]), hostile=True, complete=complete)
        return self._send(job, beats)

    def output(self, port: int, value: int, size: int = 1, *, hostile: bool = False) -> Pending:
        """``size`` bytes to an I/O port."""
        job = Job(self.party, port, write=True, hostile=hostile)
        lane = port & 3
        return self._send(job, beats_of(port & ~3, [value << 8 * lane], burst=False, mask=(1 << size) - 1 << lane, space=Space.IO))

    async def input(self, port: int, size: int = 1, *, hostile: bool = False) -> int:
        """``size`` bytes from an I/O port; ones if nobody answers."""
        job = Job(self.party, port, write=False, hostile=hostile)
        lane = port & 3
        await self._send(job, beats_of(port & ~3, None, burst=False, mask=(1 << size) - 1 << lane, space=Space.IO))
        return (job.word if job.words else ONES) >> 8 * lane & (1 << 8 * size) - 1

    @property
    def _authority(self) -> Authority:
        return Authority.RING_MINUS_1 if self.party is Party.RING_MINUS_1 else Authority.GUEST

    def _send(self, job: Job, beats: Sequence[Beat]) -> Pending:
        return self._master.send(job, beats)


class HostCaller(Caller):
    """The kernel at the other end of the host link."""

    def write(self, address: int, *words: int, **_: object) -> Pending:
        """A word."""
        (word,) = words
        self._stage.noted(address, word, 0xF)
        job = Job(self.party, address, write=True)
        return self._master.send(job, link_write(address, word))


class Stage:
    """The scene of one run.

    Attributes
    ----------
    ring_minus_1, guest, victim, host : who acts through the processor (the guests' kernels too) and the host link
    device : the devices as bus masters; ``engine`` functions use the machine's own DMA engines instead
    disk : the machine's own, as the attacker's guest drives it
    world, evidence, slips : of this run
    """

    def __init__(self, bench: Bench, evidence: Evidence, slips: Collection[Slip]) -> None:
        self._bench = bench
        self.evidence = evidence
        self.slips = slips
        self.ring_minus_1 = Caller(self, bench.processor, Party.RING_MINUS_1)
        self.guest = Caller(self, bench.processor, Party.GUEST)
        self.victim = Caller(self, bench.processor, Party.VICTIMS_GUEST)
        self.disk = DiskDriver(self, self.guest)
        self.host = HostCaller(self, bench.host, Party.HOST)
        self.device = [Caller(self, raw, p) for raw, p in zip(bench.raw, (Party.DEVICE_0, Party.DEVICE_1), strict=True)]

    @property
    def world(self) -> World:
        """Memory and its owners."""
        return self.evidence.world

    @property
    def now(self) -> int:
        """The cycle."""
        return self._bench.cycle

    async def cycles(self, count: int) -> None:
        """Let time pass."""
        for _ in range(count):
            await _Cycle()

    async def out_of_reset(self) -> None:
        """Wait while the machine is in reset."""
        while self._bench.in_reset:
            await _Cycle()

    async def platform_reset(self) -> None:
        """Wait for a platform reset to begin and to end; nothing of before counts afterwards."""
        for _ in range(PATIENCE):
            if self._bench.in_reset:
                break
            await _Cycle()
        assert self._bench.in_reset, "no platform reset"
        await self.out_of_reset()
        self.evidence.left.clear()
        self.evidence.cleared_at = 0
        self.world.lawful = dict(self.world.ram)

    async def quiet(self) -> None:
        """Wait until everything that was asked is answered, or is given up."""
        for _ in range(_LONG):
            if not any(master.busy for master in self._bench.masters):
                break
            await _Cycle()

    def press(self, *, button: bool) -> None:
        """The reset button."""
        self._bench.button = button

    def shut_down(self, *, now: bool) -> None:
        """The processor is in shutdown, as after a triple fault."""
        self._bench.shutdown = now

    # Ring -1.

    def noted(self, address: int, word: int, mask: int) -> None:
        """Ring -1 writes that."""
        for name in _KEPT:
            if address == guard(name):
                keeps_on = self.evidence.left.get(name, 0) & 1 if name == "CONTROL" else 0
                self.evidence.left[name] = word | keeps_on
        for name in ("MAP_BASE", "MAP_LENGTH"):
            for n in range(self._bench.dma_masters):
                if address == guard(name, n):
                    self.evidence.left[f"{name} {n}"] = word
        if address < Physical.DMA_ENGINES:
            self.world.write(address, word, mask)

    def map_word(self, number: int, page: int, fmt: Format = Format.UNIFORM, base: int | None = None) -> int:
        """Where the word of map ``number`` lies that decides for the page at ``page``."""
        bit = bit_number(fmt, page // PAGE_SIZE, False)
        return (MAPS[number] if base is None else base) + bit // 32 * _WORD

    def draw_map(self, number: int, pages: Collection[int], *, fmt: Format = Format.UNIFORM, base: int | None = None,
                 read: bool = True, write: bool = True) -> None:  # fmt: skip
        """Sets the bits of these pages, straight in memory: before the map is in use."""
        for page in pages:
            for is_write in (False, True):
                if (write if is_write else read) and (fmt is Format.PER_REQUESTER_AND_ACCESS or not is_write):
                    bit = bit_number(fmt, page // PAGE_SIZE, is_write)
                    address = (MAPS[number] if base is None else base) + bit // 32 * _WORD
                    self.world.put(address, self.world.ram.get(address, 0) | 1 << bit % 32)

    async def place_map(self, number: int, base: int, length: int) -> None:
        """Where a map lies."""
        await self.ring_minus_1.write(guard("MAP_BASE", number), base)
        await self.ring_minus_1.write(guard("MAP_LENGTH", number), length)

    async def control(self, fmt: int = Format.UNIFORM, *, clean: bool = False) -> None:
        """ENABLE, and the format."""
        fields = GUARD["CONTROL"]
        value = fields.field("ENABLE").put(1) | fields.field("FORMAT").put(fmt) | fields.field("MEMORY_CLEAN").put(clean)
        await self.ring_minus_1.write(guard("CONTROL"), value)

    async def protect(self, *pages: int, length: int = MAP_BYTES, base: int = MAPS[0]) -> None:
        """The usual policy: one map for all devices, which admits their homes, and ``pages``."""
        self.draw_map(0, (*HOMES, *pages), base=base)
        await self.place_map(0, base, length)
        await self.control()

    async def protect_each(self, allowed: Mapping[int, Collection[int]] | None = None, *, fmt: Format = Format.PER_REQUESTER,
                           length: int = MAP_BYTES) -> None:  # fmt: skip
        """A map for each device, which admits its home, and the pages in ``allowed``."""
        for n, home in enumerate(HOMES):
            self.draw_map(n, (home, *(allowed or {}).get(n, ())), fmt=fmt)
            await self.place_map(n, MAPS[n], length)
        await self.control(fmt)

    async def store_secret(self, address: int) -> None:
        """A page's new owner, not the attacker, writes there."""
        await self.ring_minus_1.write(address, secret(address))

    async def clear_status(self, bits: int = ONES) -> None:
        """Ring -1 has read the log."""
        job = await self.ring_minus_1.write(guard("STATUS"), bits)
        assert job.ended is not None
        self.evidence.cleared_at = job.ended - _EFFECTIVE

    def give(self, page: int, owner: Owner) -> None:
        """The page is ``owner``'s from now on, with what is in it."""
        self.world.owners[page] = owner
        self.settle(page, PAGE_SIZE)

    def settle(self, start: int, length: int) -> None:
        """What lies there now is as it should be."""
        self.world.lawful |= {a: value for a, value in self.world.ram.items() if start <= a < start + length}

    async def read_status(self) -> None:
        """Ring -1 looks whether anything was refused since it cleared STATUS."""
        job = await self.ring_minus_1.read(guard("STATUS"))
        assert job.taken is not None
        self.evidence.status_reads.append((self.evidence.cleared_at, job.taken, job.word))

    # The attacker.

    def of_victim(self, device: int) -> None:
        """That device is the victim's."""
        self.evidence.devices = tuple(mine and n != device for n, mine in enumerate(self.evidence.devices))

    def plant(self, address: int, *words: int) -> None:
        """The attacker's guest has written into its own memory."""
        assert self.world.owner(address) is Owner.ATTACKER and not any(map(is_secret, words))
        for n, word in enumerate(words):
            self.world.ram[address + _WORD * n] = word

    def fill_sector(self, sector: int, words: Sequence[int]) -> None:
        """These words lie on the disk, at the beginning of that sector."""
        self._bench.sectors[sector] = list(words)

    def use_engine(self, number: int) -> None:
        """That device is the machine's own engine."""
        self._bench.take_over[number] = False

    async def start_engine(self, chain: int, number: int = 0) -> None:
        """The guest starts the chain of descriptors at ``chain``."""
        self.use_engine(number)
        await self.guest.write(engine("DESCRIPTOR", number), chain)
        await self.guest.write(engine("CONTROL", number), DMA_ENGINE["CONTROL"].field("START").mask)

    async def finish_engine(self, number: int = 0) -> int:
        """STATUS when the engine has come to its end; it is a master again."""
        for _ in range(PATIENCE):
            status = await self.guest.read(engine("STATUS", number))
            if status.words and not status.word & DMA_ENGINE["STATUS"].field("BUSY").mask:
                self._bench.take_over[number] = True
                return status.word
        self.evidence.idle_engines = False
        return ONES

    async def run_engine(self, *descriptors: Sequence[int], at: int = HOMES[0] + 0x100, number: int = 0) -> int:
        """A chain in the attacker's memory, from start to end."""
        self.plant(at, *(word for d in descriptors for word in d))
        await self.start_engine(at, number)
        return await self.finish_engine(number)

    # The end.

    def contest(self, start: int, one: Party) -> None:
        """Since ``start`` both devices have asked all the time."""
        self.evidence.contests.append(Contest(start, self.now, one))

    async def allowed(self, number: int) -> None:
        """What is allowed still gets through: the device writes and reads its home."""
        self._bench.take_over[number] = True
        address = HOMES[number] + PAGE_SIZE - 0x20
        await self.device[number].write(address, MARK | number, lawful=True)
        await self.device[number].read(address, burst=True, lawful=True)

    async def port_keeps(self, port: int, value: int) -> None:
        """Ring -1 looks whether a port is as it was left."""
        self.evidence.ports.append((port, value, await self.ring_minus_1.input(port)))

    async def look(self) -> None:
        """Ring -1 reads the guard's registers."""
        names = [(name, guard(name)) for name in (*_KEPT, *_TOLD)]
        names += [(f"{name} {n}", guard(name, n)) for name in ("MAP_BASE", "MAP_LENGTH") for n in range(self._bench.dma_masters)]
        found = {name: self.ring_minus_1.read(address) for name, address in names}
        await self.quiet()
        self.evidence.found |= {name: pending.job.word for name, pending in found.items() if pending.job.words}
        left = self.evidence.left
        for name in _TOLD:
            if name in self.evidence.found:
                left[name] = self.evidence.found[name]  # the judge holds them against the refusals instead
