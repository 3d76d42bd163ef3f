"""The model's disk: the bus master and as much of an ATA drive as transfers by DMA need (contracts.ide). It moves 64 bytes a step."""

from typing import TYPE_CHECKING

from contracts.ide import (
    CHANNEL_PORTS,
    IDE_REQUESTER,
    PRD_SIZE,
    SECTOR_SIZE,
    Ata,
    BusMasterCommand,
    BusMasterPort,
    BusMasterStatus,
    PrdFlag,
    PrdWord,
    Status,
    TaskFile,
)  # fmt: skip
from contracts.memory_map import Irq, Port
from contracts.pci import IDE_FUNCTION, Command, ConfigOffset
from isolation_kernel.model.guard import DmaDenied
from isolation_kernel.model.pci import PciBus

if TYPE_CHECKING:
    from isolation_kernel.model.memory import PhysicalMemory

__all__ = ["SECTORS", "Ide"]

SECTORS = 64
_CHUNK = 64
_LONGEST = 1 << 16
_PORTS = 16  # of the bus master


class Ide:
    """Controller and drive. ``medium`` outlives every reset."""

    def __init__(self, memory: "PhysicalMemory", pci: PciBus) -> None:
        self._memory, self._pci = memory, pci
        self.medium = bytearray(SECTORS * SECTOR_SIZE)
        self.hold = False
        self.clear()

    def clear(self) -> None:
        """Reset: no register holds anything, nothing is under way; nor does the function's configuration."""
        self._pci.reset(IDE_FUNCTION)
        self.task_file = bytearray(CHANNEL_PORTS)
        self.bus_master = bytearray(_PORTS)
        self.status = int(Status.DRDY | Status.DSC)
        self._command: Ata | None = None  # a transfer that waits for the bus master, or is under way
        self._at = self._left = 0  # on the medium, in bytes
        self._region: tuple[int, int] | None = None  # address and bytes left
        self._table = 0
        self._last = False  # the region is the table's last

    @property
    def idle(self) -> bool:
        """Whether nothing is under way on the bus."""
        return not self.bus_master[BusMasterPort.STATUS] & BusMasterStatus.ACTIVE

    def _config(self, offset: int) -> int:
        return self._pci.words[IDE_FUNCTION.select(offset)]

    def find(self, port: int) -> tuple[bytearray, int] | None:
        """The registers behind a port, and which of them; None if the controller does not answer there."""
        base = self._config(ConfigOffset.BAR4) & ~(_PORTS - 1)
        if not self._config(ConfigOffset.COMMAND) & Command.IO:
            return None
        if Port.IDE_PRIMARY <= port < Port.IDE_PRIMARY + CHANNEL_PORTS:
            return self.task_file, port - Port.IDE_PRIMARY
        return (self.bus_master, port - base) if base <= port < base + _PORTS else None

    def read(self, registers: bytearray, number: int) -> int:
        """A byte."""
        return self.status if registers is self.task_file and number == TaskFile.STATUS else registers[number]

    def write(self, registers: bytearray, number: int, value: int) -> None:
        """A byte; commands start what they start."""
        if registers is self.task_file:
            registers[number] = value
            if number == TaskFile.COMMAND:
                self._begin(value)
        elif number == BusMasterPort.STATUS:
            registers[number] &= ~(value & (BusMasterStatus.ERROR | BusMasterStatus.INTERRUPT))
        elif number == BusMasterPort.COMMAND:
            starts = value & ~registers[number] & BusMasterCommand.START
            registers[number] = value
            if starts:
                registers[BusMasterPort.STATUS] |= BusMasterStatus.ACTIVE
                first = BusMasterPort.DESCRIPTOR_TABLE
                self._table, self._region, self._last = int.from_bytes(registers[first : first + 4], "little") & ~3, None, False
            elif not value & BusMasterCommand.START:
                registers[BusMasterPort.STATUS] &= ~BusMasterStatus.ACTIVE
        else:
            registers[number] = value

    def _begin(self, code: int) -> None:
        """READ DMA or WRITE DMA; the drive refuses all else, and sectors that it does not have."""
        file = self.task_file
        first = file[TaskFile.LBA_LOW] | file[TaskFile.LBA_MID] << 8 | file[TaskFile.LBA_HIGH] << 16
        count = file[TaskFile.SECTOR_COUNT] or 256
        if code not in (Ata.READ_DMA, Ata.WRITE_DMA) or first + count > SECTORS:
            self.status |= Status.ERR
            self._interrupt()
            return
        self._command, self._at, self._left = Ata(code), first * SECTOR_SIZE, count * SECTOR_SIZE
        self.status = self.status & ~Status.ERR | Status.DRQ

    def _interrupt(self) -> None:
        self.bus_master[BusMasterPort.STATUS] |= BusMasterStatus.INTERRUPT
        self._memory.raised.append(Irq.IDE_PRIMARY)

    def step(self) -> None:
        """Fetch a descriptor, or move some bytes, if a transfer is under way and the function may master the bus."""
        if self.hold:
            self.clear()
        if self.idle or self._command is None or not self._config(ConfigOffset.COMMAND) & Command.BUS_MASTER:
            return
        try:
            self._work()
        except DmaDenied:
            self.bus_master[BusMasterPort.STATUS] = self.bus_master[BusMasterPort.STATUS] & ~BusMasterStatus.ACTIVE | BusMasterStatus.ERROR

    def _work(self) -> None:
        memory, check = self._memory, self._memory.guard.check
        if self._region is None:
            check(IDE_REQUESTER, self._table, False)
            base, count = (memory.read32(self._table + 4 * word) for word in PrdWord)
            self._region = base & ~1, (count & 0xFFFE) or _LONGEST
            self._table, self._last = self._table + PRD_SIZE, bool(count & PrdFlag.END_OF_TABLE)
        address, room = self._region
        size = min(_CHUNK, room, self._left, -address % 4096 or 4096)
        to_memory = self._command is Ata.READ_DMA
        check(IDE_REQUESTER, address, to_memory)
        if to_memory:
            memory.ram[address : address + size] = self.medium[self._at : self._at + size]
        else:
            self.medium[self._at : self._at + size] = memory.ram[address : address + size]
        self._at, self._left = self._at + size, self._left - size
        self._region = (address + size, room - size) if room > size else None
        if not self._left:
            self._command = None
            self.status &= ~Status.DRQ
            self._interrupt()
        if self._region is None and self._last:
            self.bus_master[BusMasterPort.STATUS] &= ~BusMasterStatus.ACTIVE
