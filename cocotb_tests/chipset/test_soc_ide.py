"""The IDE controller in the machine: found by a scan of PCI, driven by ports, checked by the guard, confined to RAM, brought to rest.

Each refusal stands beside its control (``Strap.GUARD_OFF``) or beside a transfer that goes through.
"""

import pytest

from chipset.boards.straps import Strap
from chipset.devices.storage.port import SECTOR_WORDS
from cocotb_tests.chipset.bus_master import BusMaster, ProcessorDouble
from cocotb_tests.chipset.whole import MEMORY, simulate, whole, word_of
from contracts.bus import Authority, Space
from contracts.ide import (
    IDE_REQUESTER,
    SECTOR_SIZE,
    Ata,
    BusMasterCommand,
    BusMasterPort,
    BusMasterStatus,
    Device,
    Error,
    PrdFlag,
    Status,
    TaskFile,
)
from contracts.memory_map import Irq, Physical, Port
from contracts.pci import IDE_FUNCTION, Command, ConfigOffset, IdeTiming
from contracts.policy_map import GUARD, Format
from contracts.requesters import DMA_FIRST, Requester

__all__: list[str] = []

ONES = 0xFFFF_FFFF
MAP = 0xF000  # sixteen pages: one word
OWN, OTHER, TABLE = 0x4000, 0x8000, 0x3000
SECRET = 0x5EC2_E700
BAR4 = 0xC000
READY = Status.DRDY | Status.DSC
INTERRUPT, ERROR = BusMasterStatus.INTERRUPT, BusMasterStatus.ERROR
REFUSED = (INTERRUPT | ERROR, READY | Status.ERR)
DONE = (INTERRUPT, READY)
PATIENCE = 4000


class Machine:
    """The chipset with a small disk, and software on the bus master in the processor's place."""

    def __init__(self) -> None:
        self.top = whole(disk=True)
        self.processor = self.top.processor
        self.refused: list[tuple[int, int, int]] = []

    def run(self, program, straps: Strap = Strap(0)) -> None:
        top = self.top

        async def watch(ctx):
            async for *_, valid, address, write, who in ctx.tick().sample(
                top.denied_valid, top.denied_address, top.denied_write, top.denied_requester
            ):
                if valid:
                    self.refused.append((address, write, who))

        async def bench(ctx):
            ctx.set(top.straps, straps)
            while ctx.get(top.platform_reset):
                await ctx.tick()
            await program(ctx, Software(ctx, self.processor))

        simulate(top, bench, background=[watch])

    def medium(self, ctx, sector: int) -> list[int]:
        words = []
        for n in range(SECTOR_WORDS):
            ctx.set(self.top.look, sector * SECTOR_WORDS + n)
            words.append(ctx.get(self.top.word))
        return words


class Software(BusMaster):
    """A driver's steps."""

    def __init__(self, ctx, processor: ProcessorDouble) -> None:
        super().__init__(ctx, processor.bus, Authority.RING_MINUS_1)
        self._processor = processor
        self._clock = ctx

    async def io(self, port: int, size: int, write: int | None = None) -> int:
        """An access of ``size`` bytes."""
        lane, mask = port & 3, (1 << size) - 1
        data = None if write is None else [write << 8 * lane & ONES]
        answer = await self.access(port & ~3, space=Space.IO, mask=mask << lane, write=data)
        return answer.word >> 8 * lane & (1 << 8 * size) - 1

    async def config(self, offset: int, size: int = 4, write: int | None = None, function=IDE_FUNCTION) -> int:
        await self.io(Port.PCI_ADDRESS, 4, function.select(offset))
        return await self.io(Port.PCI_DATA + (offset & 3), size, write)

    async def enable(self, bar: int = BAR4) -> None:
        """What a driver does first."""
        await self.config(ConfigOffset.BAR4, 4, bar)
        await self.config(ConfigOffset.IDE_TIMING_PRIMARY, 2, IdeTiming.DECODE)
        await self.config(ConfigOffset.COMMAND, 2, Command.IO | Command.BUS_MASTER)
        await self.ready()

    async def ready(self) -> int:
        for _ in range(PATIENCE):
            status = await self.input(Port.IDE_PRIMARY_CONTROL)
            if not status & Status.BSY:
                return status
        raise AssertionError("the drive stays busy")

    async def address(self, sector: int, count: int) -> None:
        await self.output(Port.IDE_PRIMARY + TaskFile.DEVICE, Device.LBA)
        for register, value in ((TaskFile.SECTOR_COUNT, count), (TaskFile.LBA_LOW, sector), (TaskFile.LBA_MID, 0), (TaskFile.LBA_HIGH, 0)):
            await self.output(Port.IDE_PRIMARY + register, value)

    async def begin(self, sector: int, count: int, to_memory: bool, table: int = TABLE) -> None:
        """A DMA command, not waited for."""
        await self.address(sector, count)
        direction = BusMasterCommand.TO_MEMORY if to_memory else 0
        await self.output(BAR4 + BusMasterPort.COMMAND, 0)
        await self.output(BAR4 + BusMasterPort.STATUS, INTERRUPT | ERROR)
        await self.io(BAR4 + BusMasterPort.DESCRIPTOR_TABLE, 4, table)
        await self.output(BAR4 + BusMasterPort.COMMAND, direction | BusMasterCommand.START)
        await self.output(Port.IDE_PRIMARY + TaskFile.COMMAND, Ata.READ_DMA if to_memory else Ata.WRITE_DMA)

    async def transfer(self, sector: int, regions: list[tuple[int, int]], to_memory: bool, table: int = TABLE) -> tuple[int, int]:
        """A DMA command of as many sectors as the regions hold: the bus master's STATUS and the drive's."""
        await self.describe(regions, table)
        await self.begin(sector, sum(size for _, size in regions) // SECTOR_SIZE, to_memory, table)
        return await self.end()

    async def describe(self, regions: list[tuple[int, int]], table: int = TABLE) -> None:
        for n, (base, size) in enumerate(regions):
            await self.write(table + 8 * n, base)
            await self.write(table + 8 * n + 4, size | (PrdFlag.END_OF_TABLE if n == len(regions) - 1 else 0))

    async def end(self) -> tuple[int, int]:
        for _ in range(PATIENCE):
            seen = await self.input(BAR4 + BusMasterPort.STATUS)
            if seen & INTERRUPT:
                await self.output(BAR4 + BusMasterPort.COMMAND, 0)
                return seen, await self.input(Port.IDE_PRIMARY + TaskFile.STATUS)
        raise AssertionError("no interrupt")

    async def protect(self, allowed: int, fmt: Format = Format.UNIFORM, others: int = 0) -> None:
        """Maps of one word: ``allowed`` for the IDE controller (or all), ``others`` for the engines; then ENABLE."""
        indices = range(1) if fmt is Format.UNIFORM else range(IDE_REQUESTER + 1)
        for n in indices:
            await self.write(MAP + 4 * n, allowed if fmt is Format.UNIFORM or n == IDE_REQUESTER else others)
            await self.write(guard("MAP_BASE", n), MAP + 4 * n)
            await self.write(guard("MAP_LENGTH", n), 4)
        await self.write(guard("CONTROL"), GUARD["CONTROL"].field("ENABLE").put(1) | GUARD["CONTROL"].field("FORMAT").put(fmt))


def guard(name: str, index: int = 0) -> int:
    return Physical.GUARD + GUARD[name].at(index)


def pages(*addresses: int) -> int:
    return sum(1 << (a >> 12) for a in addresses)


def test_a_scan_finds_the_controller():
    """Every device and function of bus 0; the sizes of its base address; then reset control beside the address register."""
    machine = Machine()

    async def program(ctx, cpu: Software):
        found = {}
        for place in range(256):
            await cpu.io(Port.PCI_ADDRESS, 4, 0x8000_0000 | place << 8)
            if (identity := await cpu.io(Port.PCI_DATA, 4)) != ONES:
                found[place >> 3, place & 7] = identity
        assert found == {(0, 0): 0x1237_8086, (1, 0): 0x7000_8086, (1, 1): 0x7010_8086}
        assert await cpu.config(ConfigOffset.PROG_IF, 1) == 0x80
        assert await cpu.config(ConfigOffset.SUBCLASS, 2) == 0x0101
        await cpu.config(ConfigOffset.BAR4, 4, ONES)
        assert await cpu.config(ConfigOffset.BAR4) == 0xFFFF_FFF1
        # A dword at CF8h is the address register; a byte at CF9h is reset control, and keeps the address register as it was.
        selected = await cpu.io(Port.PCI_ADDRESS, 4)
        await cpu.output(Port.RESET_CONTROL, 0x02)
        assert await cpu.input(Port.RESET_CONTROL) == 0x02
        assert await cpu.io(Port.PCI_ADDRESS, 4) == selected
        await cpu.io(Port.PCI_ADDRESS, 4, 0xFFFF_FFFF)
        assert await cpu.input(Port.RESET_CONTROL) == 0x02 and not ctx.get(machine.top.platform_reset)
        assert await cpu.io(Port.PCI_ADDRESS, 1) == 0xFF and await cpu.io(Port.PCI_ADDRESS, 2) == 0x02FF

    machine.run(program)


def test_programmed_io_by_words_and_dwords():
    machine = Machine()

    async def program(ctx, cpu: Software):
        assert await cpu.input(Port.IDE_PRIMARY + TaskFile.STATUS) == 0xFF  # not decoded yet
        await cpu.enable()
        await cpu.address(1, 1)
        await cpu.output(Port.IDE_PRIMARY + TaskFile.COMMAND, Ata.READ_SECTORS)
        assert await cpu.ready() == READY | Status.DRQ
        assert await cpu.io(Port.IDE_PRIMARY, 4) == word_of(1, 0)
        assert await cpu.io(Port.IDE_PRIMARY, 2) == word_of(1, 1) & 0xFFFF
        assert await cpu.input(Port.IDE_PRIMARY) == 0xFF  # a byte of it is not there
        assert await cpu.input(Port.IDE_PRIMARY + TaskFile.ERROR) == 0
        assert await cpu.io(Port.IDE_PRIMARY, 4) == word_of(1, 1) >> 16 | (word_of(1, 2) & 0xFFFF) << 16
        for n in range(3, SECTOR_WORDS):
            halves = [await cpu.io(Port.IDE_PRIMARY, 2) for _ in range(2)]
            assert halves == [word_of(1, n - 1) >> 16, word_of(1, n) & 0xFFFF]
        assert await cpu.io(Port.IDE_PRIMARY, 2) == word_of(1, SECTOR_WORDS - 1) >> 16
        assert await cpu.ready() == READY

        await cpu.address(2, 1)
        await cpu.output(Port.IDE_PRIMARY + TaskFile.COMMAND, Ata.WRITE_SECTORS)
        await cpu.ready()
        for n in range(SECTOR_WORDS):
            await cpu.io(Port.IDE_PRIMARY, 4, 0x1000_0000 + n)
        assert await cpu.ready() == READY
        assert machine.medium(ctx, 2) == [0x1000_0000 + n for n in range(SECTOR_WORDS)]

    machine.run(program)


def test_dma_both_ways_with_an_interrupt_through_the_8259s():
    machine = Machine()

    async def program(ctx, cpu: Software):
        for port, base, wiring_word in ((Port.PIC_MASTER, 0x20, 4), (Port.PIC_SLAVE, 0x28, 2)):
            await cpu.output(port, 0x11)
            for word in (base, wiring_word, 1):
                await cpu.output(port + 1, word)
        await cpu.output(Port.PIC_MASTER + 1, 0xFB)
        await cpu.output(Port.PIC_SLAVE + 1, 0xFF & ~(1 << (Irq.IDE_PRIMARY - 8)))
        await cpu.enable()
        assert not ctx.get(machine.processor.intr)
        await cpu.describe([(OWN, 512), (OWN + 0x402, 512)])
        await cpu.begin(0, 2, True)
        while not ctx.get(machine.processor.intr):
            await ctx.tick()
        assert await cpu.acknowledge() == 0x20 + Irq.IDE_PRIMARY
        assert not ctx.get(machine.processor.intr)
        assert await cpu.end() == DONE
        assert [await cpu.read(OWN + 4 * n) for n in (0, 1, 127, 128)] == [word_of(0, 0), word_of(0, 1), word_of(0, 127), 0]
        assert await cpu.read(OWN + 0x404) == word_of(1, 0) >> 16 | (word_of(1, 1) & 0xFFFF) << 16
        assert await cpu.read(OWN + 0x600) & 0xFFFF == word_of(1, 127) >> 16  # and the half beside it is untouched
        assert await cpu.read(OWN + 0x400) == (word_of(1, 0) & 0xFFFF) << 16
        await cpu.write(OWN + 4, 0xABCD_0123)
        assert await cpu.transfer(2, [(OWN, 512)], False) == DONE
        assert machine.medium(ctx, 2) == [0xABCD_0123 if n == 1 else word_of(0, n) for n in range(SECTOR_WORDS)]

    machine.run(program)


@pytest.mark.parametrize("straps", [Strap(0), Strap.GUARD_OFF])
@pytest.mark.parametrize(("to_memory", "what"), [(True, "table"), (True, "data"), (False, "data")])
def test_the_guard_refuses_what_the_map_refuses(to_memory, what, straps):
    """Descriptors and data; with the guard off the same transfer reaches its target. What is allowed goes through afterwards."""
    machine = Machine()
    table, data = (OTHER, OWN) if what == "table" else (TABLE, OTHER)

    async def program(ctx, cpu: Software):
        await cpu.enable()
        for n in range(0, 512, 4):
            await cpu.write(OTHER + n, SECRET + n)
        await cpu.protect(pages(OWN, TABLE))
        before = machine.medium(ctx, 1)
        outcome = await cpu.transfer(1, [(data, 512)], to_memory, table)
        if straps:
            assert outcome == DONE
            if what == "data":
                stolen = await cpu.read(OTHER + 4) if to_memory else machine.medium(ctx, 1)[1]
                assert stolen == (word_of(1, 1) if to_memory else SECRET + 4)
        else:
            assert outcome == REFUSED
            assert await cpu.input(Port.IDE_PRIMARY + TaskFile.ERROR) == Error.ABRT
            if what == "data":
                assert await cpu.read(OTHER + 4) == SECRET + 4
            assert machine.medium(ctx, 1) == before
            assert len(machine.refused) == 1
        where = OTHER
        assert machine.refused[0] == (where, int(to_memory and what == "data"), Requester.DMA2)
        assert await cpu.read(guard("LOG_ADDRESS")) == where
        info = GUARD["LOG_INFO"].field("REQUESTER").get(await cpu.read(guard("LOG_INFO")))
        assert info == Requester.DMA2 == DMA_FIRST + IDE_REQUESTER
        assert await cpu.transfer(0, [(OWN, 512)], True) == DONE
        assert await cpu.read(OWN) == word_of(0, 0)

    machine.run(program, straps)


def test_it_is_a_requester_of_its_own():
    machine = Machine()

    async def program(ctx, cpu: Software):
        await cpu.enable()
        assert GUARD["CAPABILITY"].field("REQUESTERS").get(await cpu.read(guard("CAPABILITY"))) == 3
        await cpu.protect(pages(OWN, TABLE), Format.PER_REQUESTER, others=pages(OTHER))
        assert await cpu.transfer(0, [(OWN, 512)], True) == DONE
        assert await cpu.transfer(0, [(OTHER, 512)], True) == REFUSED
        await cpu.write(MAP + 4 * IDE_REQUESTER, pages(OTHER, TABLE))
        assert await cpu.transfer(0, [(OWN, 512)], True) == REFUSED
        assert await cpu.transfer(0, [(OTHER, 512)], True) == DONE

    machine.run(program)


def test_dma_reaches_ram_only():
    """From the drive to a device and back, and descriptors in one: nothing. Without the guard, as it is after reset."""
    machine = Machine()

    async def program(ctx, cpu: Software):
        await cpu.enable()
        base, before = await cpu.read(guard("MAP_BASE")), machine.medium(ctx, 1)
        for target in (
            MEMORY, 0xA0000, Physical.ROM, Physical.GUARD, Physical.DMA_ENGINES, Physical.HOST_LINK, Physical.TPM, 0xFFFF_FE00,
        ):  # fmt: skip
            assert await cpu.transfer(1, [(target, 512)], True) == REFUSED
            assert await cpu.transfer(1, [(target, 512)], False) == REFUSED
            await cpu.begin(1, 1, True, target)
            assert await cpu.end() == REFUSED
        assert machine.medium(ctx, 1) == before and await cpu.read(guard("MAP_BASE")) == base
        assert await cpu.transfer(1, [(OWN, 512)], True) == DONE

    machine.run(program)


def test_a_region_that_wraps_at_4_gib_reaches_nothing():
    machine = Machine()

    async def program(ctx, cpu: Software):
        await cpu.enable()
        await cpu.write(0, SECRET)
        assert await cpu.transfer(0, [(0xFFFF_FFF0, 512)], True) == REFUSED
        assert await cpu.read(0) == SECRET

    machine.run(program)


# A harmless write to a port of each device, mostly where the bus master has a register that would keep some of it.
FOREIGN = {
    "8259 master": (Port.PIC_MASTER, 0x0B), "8259 slave": (Port.PIC_SLAVE, 0x0B), "8254": (Port.PIT + 2, 0x60),
    "8042": (Port.KBC_STATUS, 0xAA), "port 61h": (Port.SYSTEM_CONTROL_B, 0x03), "POST": (Port.POST, 0x09),
    "port 92h": (Port.SYSTEM_CONTROL_A, 0x62), "E9h": (Port.DEBUG_CONSOLE, 0x41), "exit": (Port.EXIT, 0x64),
    "task file": (Port.IDE_PRIMARY + TaskFile.SECTOR_COUNT, 0x60), "IDE control": (Port.IDE_PRIMARY_CONTROL, 0x02),
    "COM1": (Port.COM1 + 7, 0x5A), "CF9h": (Port.RESET_CONTROL, 0x02), "PCI data": (Port.PCI_DATA, 0x05),
}  # fmt: skip


def test_bar4_over_another_device_reaches_nothing_of_it():
    """Each device answers and takes writes exactly as when BAR4 is elsewhere, and none of them reaches the bus master."""
    seen: list[list[object]] = []

    for over in (True, False):
        machine = Machine()
        said: list[object] = []

        async def program(ctx, cpu: Software, machine=machine, over=over, said=said):
            await cpu.enable()
            for what, (port, value) in FOREIGN.items():
                await cpu.config(ConfigOffset.BAR4, 4, port & ~15 if over else BAR4 + 0x100)
                await cpu.config(ConfigOffset.COMMAND)  # what the data ports are from here on
                said += [what, await cpu.input(port)]
                await cpu.output(port, value)
                for name in ("exit", "debug", "post"):
                    said += [ctx.get(getattr(machine.top, f"{name}_valid")), ctx.get(getattr(machine.top, f"{name}_data"))]
                said += [await cpu.input(port), ctx.get(machine.processor.a20m)]
                await cpu.config(ConfigOffset.BAR4, 4, BAR4)
                await cpu.config(ConfigOffset.COMMAND, 2, Command.IO | Command.BUS_MASTER)
                assert [await cpu.input(BAR4 + n) for n in range(8)] == [0] * 8, what

        machine.run(program)
        seen.append(said)
    assert seen[0] == seen[1]


def test_bar4_moves_where_nobody_is():
    """The liveness beside it: at a free place the bus master's registers answer, and only there."""
    machine = Machine()

    async def program(ctx, cpu: Software):
        await cpu.enable()
        for base in (0x0100, 0xC100, 0xFFF0):
            await cpu.config(ConfigOffset.BAR4, 4, base)
            await cpu.io(base + BusMasterPort.DESCRIPTOR_TABLE, 4, 0x1234_5678)
            assert await cpu.io(base + BusMasterPort.DESCRIPTOR_TABLE, 4) == 0x1234_5678
            assert await cpu.input(BAR4 + BusMasterPort.STATUS) == 0xFF
        await cpu.config(ConfigOffset.COMMAND, 2, Command.BUS_MASTER)
        assert await cpu.io(0xFFF0 + BusMasterPort.DESCRIPTOR_TABLE, 4) == ONES

    machine.run(program)


@pytest.mark.parametrize("held", [True, False])
def test_ring_minus_1_brings_it_to_rest(held):
    """DEVICE_RESET with a transfer in flight: no access after DEVICE_IDLE, nothing left, and the next owner starts as after reset."""
    machine = Machine()
    bit = 1 << IDE_REQUESTER

    async def program(ctx, cpu: Software):
        await cpu.enable()
        await cpu.describe([(OWN, 512), (OTHER, 1024)])
        await cpu.begin(0, 3, True)
        for _ in range(8):
            await cpu.read(0)
        assert not await cpu.read(guard("DEVICE_IDLE")) & bit
        if held:
            await cpu.write(guard("DEVICE_RESET"), bit)
        for _ in range(1000):
            if await cpu.read(guard("DEVICE_IDLE")) & bit:
                break
        assert (await cpu.read(OTHER + 1020) == word_of(2, 127)) == (not held)
        await cpu.write(guard("DEVICE_RESET"), 0)
        if not held:
            return
        for n in range(0, 1024, 4):
            await cpu.write(OTHER + n, SECRET)
        assert await cpu.config(ConfigOffset.COMMAND, 2) == 0 and await cpu.config(ConfigOffset.BAR4) == 1
        await cpu.enable()
        registers = [await cpu.input(Port.IDE_PRIMARY + r) for r in range(1, 8)]
        assert registers == [1, 1, 1, 0, 0, 0, READY]
        assert [await cpu.input(BAR4 + n) for n in range(16)] == [0] * 16
        assert [await cpu.read(OTHER + n) for n in range(0, 1024, 4)] == [SECRET] * 256
        assert await cpu.transfer(1, [(OWN, 512)], True) == DONE

    machine.run(program)


def test_platform_reset_ends_a_transfer():
    machine = Machine()

    async def program(ctx, cpu: Software):
        await cpu.enable()
        await cpu.describe([(OWN, 1536)])
        await cpu.begin(0, 3, True)
        for _ in range(8):
            await cpu.read(0)
        await cpu.output(Port.RESET_CONTROL, 0x02)
        await cpu.output(Port.RESET_CONTROL, 0x06)
        while ctx.get(machine.top.platform_reset):
            await ctx.tick()
        assert await cpu.config(ConfigOffset.COMMAND, 2) == 0
        await cpu.enable()
        assert await cpu.transfer(1, [(OWN, 512)], True) == DONE
        assert await cpu.read(OWN) == word_of(1, 0)

    machine.run(program)
