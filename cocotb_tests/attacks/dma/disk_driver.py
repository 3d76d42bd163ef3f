"""What a guest's driver does with the machine's disk, by its ports: the attacker's, or whoever has it before or after him."""

from typing import TYPE_CHECKING

from cocotb_tests.attacks.dma.evidence import Job, Party
from cocotb_tests.attacks.dma.masters import PATIENCE
from cocotb_tests.attacks.dma.world import HOMES
from contracts.ide import (
    IDE_REQUESTER,
    PRD_SIZE,
    SECTOR_SIZE,
    Ata,
    BusMasterCommand,
    BusMasterPort,
    BusMasterStatus,
    Control,
    Device,
    PrdFlag,
    Status,
    TaskFile,
)
from contracts.memory_map import Port
from contracts.pci import IDE_FUNCTION, Command, ConfigOffset, IdeTiming

if TYPE_CHECKING:
    from cocotb_tests.attacks.dma.stage import Caller, Stage

__all__ = ["TABLE", "DiskDriver"]

TABLE = HOMES[0] + 0xC00  # where descriptor tables are put
_PLACE = 0xC000  # of the bus master's ports
_BYTES = 64 << 10  # a region's, that are told as 0
_FIRST_ACCESS = 1200  # cycles from a command to its first access to memory, the storage's part among them
_REGISTERS = (TaskFile.SECTOR_COUNT, TaskFile.LBA_LOW, TaskFile.LBA_MID, TaskFile.LBA_HIGH, TaskFile.DEVICE)


class DiskDriver:
    """One guest's driver.

    Attributes
    ----------
    used : it has been switched on in this run
    """

    def __init__(self, stage: "Stage", caller: "Caller") -> None:
        self._stage = stage
        self._caller = caller
        self.used = False

    async def configure(self, offset: int, value: int, size: int = 4, *, hostile: bool = False) -> None:
        """Writes a register of its PCI function."""
        self._caller.output(Port.PCI_ADDRESS, IDE_FUNCTION.select(offset), 4)
        await self._caller.output(Port.PCI_DATA + (offset & 3), value, size, hostile=hostile)

    async def switch_on(self) -> None:
        """Its ports answer, it may master the bus, and the drive is ready."""
        self.used = True
        await self.configure(ConfigOffset.BAR4, _PLACE)
        await self.configure(ConfigOffset.IDE_TIMING_PRIMARY, IdeTiming.DECODE, 2)
        await self.configure(ConfigOffset.COMMAND, Command.IO | Command.BUS_MASTER, 2)
        await self.ready()

    def describe(self, *regions: tuple[int, int], at: int = TABLE, end: bool = True) -> None:
        """Puts a table of (machine address, bytes) at ``at``, in the attacker's memory; without ``end`` no entry is marked as the last."""
        for n, (address, length) in enumerate(regions):
            flag = PrdFlag.END_OF_TABLE if end and n == len(regions) - 1 else 0
            self._stage.plant(at + PRD_SIZE * n, address, length % _BYTES | flag)

    async def command(self, code: Ata, sector: int, count: int = 1) -> None:
        """A command of the drive's."""
        for register, value in zip(_REGISTERS, (count, sector, 0, 0, Device.LBA), strict=True):
            self._caller.output(Port.IDE_PRIMARY + register, value)
        await self._caller.output(Port.IDE_PRIMARY + TaskFile.COMMAND, code)

    async def start(self, *, to_memory: bool, table: int = TABLE, sector: int = 0, count: int = 1) -> None:
        """A transfer by DMA, between ``count`` sectors and what the table names."""
        direction = BusMasterCommand.TO_MEMORY if to_memory else 0
        self._caller.output(_PLACE + BusMasterPort.COMMAND, direction)
        self._caller.output(_PLACE + BusMasterPort.STATUS, BusMasterStatus.ERROR | BusMasterStatus.INTERRUPT)
        self._caller.output(_PLACE + BusMasterPort.DESCRIPTOR_TABLE, table, 4)
        self._caller.output(_PLACE + BusMasterPort.COMMAND, direction | BusMasterCommand.START)
        await self.command(Ata.READ_DMA if to_memory else Ata.WRITE_DMA, sector, count)

    async def finish(self) -> int:
        """The bus master's STATUS at the end of a transfer: by interrupt, or where its table has ended."""
        for _ in range(PATIENCE):
            status = await self._caller.input(_PLACE + BusMasterPort.STATUS)
            if status & BusMasterStatus.INTERRUPT or not status & BusMasterStatus.ACTIVE:
                await self._caller.output(_PLACE + BusMasterPort.COMMAND, 0)
                return status
            await self._stage.cycles(8)
        self._stage.evidence.idle_engines = False
        return 0

    async def transfer(self, *regions: tuple[int, int], to_memory: bool, sector: int = 0, end: bool = True) -> int:
        """From start to end; STATUS."""
        self.describe(*regions, end=end)
        await self.start(to_memory=to_memory, sector=sector)
        return await self.finish()

    async def read_words(self, count: int) -> list[int]:
        """Dwords from the data port, if the drive gives any."""
        return [await self._caller.input(Port.IDE_PRIMARY + TaskFile.DATA, 4, hostile=True) for _ in range(count)]

    async def ready(self, wanted: Status = Status.DRDY) -> None:
        """Waits for the drive."""
        for _ in range(PATIENCE):
            status = await self._caller.input(Port.IDE_PRIMARY_CONTROL)
            if status & wanted and not status & Status.BSY:
                return
            await self._stage.cycles(8)
        self._stage.evidence.idle_engines = False

    async def reset(self) -> None:
        """Whatever it was doing."""
        self._caller.output(_PLACE + BusMasterPort.COMMAND, 0)
        self._caller.output(Port.IDE_PRIMARY_CONTROL, Control.SRST)
        self._caller.output(Port.IDE_PRIMARY_CONTROL, 0)
        await self.ready()

    async def allowed(self) -> None:
        """What is allowed still gets through: a line of a sector to the attacker's own page."""
        await self.switch_on()
        await self.reset()
        job = Job(Party.DISK, HOMES[0], write=True, lawful=True, bound=_FIRST_ACCESS, asked=self._stage.now)
        self._stage.evidence.jobs.append(job)
        before = len(self._stage.evidence.answers)
        self.describe((HOMES[0], SECTOR_SIZE))
        await self.start(to_memory=True)
        for _ in range(_FIRST_ACCESS):
            answers = [a for a in self._stage.evidence.answers[before:] if a.device == IDE_REQUESTER]
            if len(answers) > PRD_SIZE // 4 or any(a.error for a in answers):  # its table's, and the first of its data
                job.ended, job.error = self._stage.now, any(a.error for a in answers)
                return
            await self._stage.cycles(1)
