"""An attack by the disk controller, which was given work before the launch."""

import struct
from collections.abc import Iterator

from chipset.boards.straps import Strap
from cocotb_tests.attacks.launch import places
from cocotb_tests.attacks.launch.attack import attack
from cocotb_tests.attacks.launch.judge import Harm
from cocotb_tests.attacks.launch.machine_code import outputs_32
from cocotb_tests.attacks.launch.places import BLOCK, SCRATCH, TABLES
from cocotb_tests.attacks.launch.stage import Stage
from contracts.ide import SECTOR_SIZE, Ata, BusMasterCommand, BusMasterPort, Device, PrdFlag, TaskFile
from contracts.memory_map import PAGE_SIZE, Port
from contracts.pci import BAR_IO_SPACE, IDE_FUNCTION, Command, ConfigOffset, IdeTiming
from firmware.launcher.steps import Do, Step

__all__: list[str] = []

_BUS_MASTER = 0xC000  # where the launcher puts its ports
_SECTORS = 255
_LINE = 16
_HEADER = 2 * _LINE  # of the block


def _configuration() -> Iterator[tuple[int, int]]:
    """Ports and values: the controller's places, and that it may master the bus."""
    for offset, value in (
        (ConfigOffset.BAR4, _BUS_MASTER | BAR_IO_SPACE), (ConfigOffset.IDE_TIMING_PRIMARY, IdeTiming.DECODE),
        (ConfigOffset.COMMAND, Command.IO | Command.BUS_MASTER),
    ):  # fmt: skip
        yield Port.PCI_ADDRESS, IDE_FUNCTION.select(offset)
        yield Port.PCI_DATA, value
    yield _BUS_MASTER + BusMasterPort.DESCRIPTOR_TABLE, TABLES


def _reads() -> Iterator[Step]:
    """READ DMA of the first sectors."""
    task_file = {
        TaskFile.DEVICE: Device.LBA, TaskFile.SECTOR_COUNT: _SECTORS, TaskFile.LBA_LOW: 0, TaskFile.LBA_MID: 0, TaskFile.LBA_HIGH: 0,
        TaskFile.COMMAND: Ata.READ_DMA,
    }  # fmt: skip
    for register, value in task_file.items():
        yield Step(Do.OUTPUT, Port.IDE_PRIMARY + register, value)
    yield Step(Do.OUTPUT, _BUS_MASTER + BusMasterPort.COMMAND, BusMasterCommand.START | BusMasterCommand.TO_MEMORY)


@attack("the loader's code", control=Strap.GUARD_OFF, harm=Harm.RAN, phases=(1500,), sweep=range(0, 2600, 52))
def block_is_overwritten_by_the_disk(stage: Stage, phase: int) -> None:
    """The disk controller reads a trojan from the disk into the block, behind so many lines that go elsewhere."""
    stage.disk = places.sled(_SECTORS * SECTOR_SIZE)
    size = (len(stage.loader) - _HEADER) // _LINE * _LINE
    regions = [(SCRATCH, _LINE * phase)] if phase else []
    regions.append((BLOCK + _HEADER, size))
    words = [(base, count | (PrdFlag.END_OF_TABLE if n == len(regions) - 1 else 0)) for n, (base, count) in enumerate(regions)]
    stage.put(TABLES, b"".join(struct.pack("<2I", *each) for each in words))
    code = TABLES + PAGE_SIZE
    stage.put(code, outputs_32(_configuration()))
    stage.do(Step(Do.CALL, code), _reads())
