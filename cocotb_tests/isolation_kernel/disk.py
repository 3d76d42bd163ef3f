"""Operations of a guest that drives the disk of the model machine: configuration, descriptor tables, transfers."""

from collections.abc import Generator, Iterator
from typing import Any

from contracts.ide import Ata, BusMasterCommand, BusMasterPort, BusMasterStatus, PrdFlag, TaskFile
from contracts.memory_map import Port
from contracts.pci import BAR_IO_MASK, IDE_FUNCTION, Command, ConfigOffset, Function
from isolation_kernel.model.script import In, Operation, Out, Read, Spin, Write

__all__ = ["TABLE", "begin", "bus_master_ports", "config_read", "config_write", "enable", "transfer"]

TABLE = 0x0004_8000  # where the guest's descriptor tables lie
_POLLS = 400


def config_read(function: Function, offset: int, size: int = 4) -> Generator[Operation, Any, int]:
    """A register of configuration space."""
    yield Out(Port.PCI_ADDRESS, function.select(offset & ~3), 4)
    return (yield In(Port.PCI_DATA + (offset & 3), size))


def config_write(function: Function, offset: int, value: int, size: int = 4) -> Iterator[Operation]:
    """Set one."""
    yield Out(Port.PCI_ADDRESS, function.select(offset & ~3), 4)
    yield Out(Port.PCI_DATA + (offset & 3), value, size)


def enable(command: int = Command.IO | Command.BUS_MASTER) -> Iterator[Operation]:
    """COMMAND of the IDE function."""
    yield from config_write(IDE_FUNCTION, ConfigOffset.COMMAND, command, 2)


def bus_master_ports() -> Generator[Operation, Any, int]:
    """The first of them, as a driver finds it."""
    base = yield from config_read(IDE_FUNCTION, ConfigOffset.BAR4)
    return base & BAR_IO_MASK


def begin(base: int, sector: int, count: int, write: bool, regions: list[tuple[int, int]], table: int = TABLE,
          offset: int = 0) -> Iterator[Operation]:  # fmt: skip
    """Start a transfer between the disk and ``regions`` (machine address, bytes). ``offset`` leads from the guest's memory to the
    machine's; no regions: the table is there already."""
    for n, (address, length) in enumerate(regions):
        yield Write(table + 8 * n, address)
        yield Write(table + 8 * n + 4, length & 0xFFFF | (PrdFlag.END_OF_TABLE if n == len(regions) - 1 else 0))
    direction = 0 if write else BusMasterCommand.TO_MEMORY
    yield Out(base + BusMasterPort.DESCRIPTOR_TABLE, table + offset, 4)
    yield Out(base + BusMasterPort.COMMAND, direction)
    yield Out(base + BusMasterPort.STATUS, BusMasterStatus.INTERRUPT | BusMasterStatus.ERROR)
    for register, value in (
        (TaskFile.SECTOR_COUNT, count), (TaskFile.LBA_LOW, sector), (TaskFile.LBA_MID, 0), (TaskFile.LBA_HIGH, 0), (TaskFile.DEVICE, 0xE0),
        (TaskFile.COMMAND, Ata.WRITE_DMA if write else Ata.READ_DMA),
    ):  # fmt: skip
        yield Out(Port.IDE_PRIMARY + register, value)
    yield Out(base + BusMasterPort.COMMAND, direction | BusMasterCommand.START)


def transfer(base: int, sector: int, count: int, write: bool, regions: list[tuple[int, int]], table: int = TABLE,
             offset: int = 0) -> Generator[Operation, Any, int]:  # fmt: skip
    """Start it and wait; the bus master's STATUS."""
    yield from begin(base, sector, count, write, regions, table, offset)
    status = 0
    for _ in range(_POLLS):
        status = yield In(base + BusMasterPort.STATUS, 1)
        if status & (BusMasterStatus.INTERRUPT | BusMasterStatus.ERROR):
            break
        yield Spin(10)
    yield Read(table)
    return status
