"""Attacks by way of the machine's own disk: its bus master's descriptors, its ports, and what is left in it. It is the requester that
follows its PCI function, so the guard knows it whatever its driver says."""

from functools import partial

from chipset.boards.straps import Strap
from cocotb_tests.attacks.dma.attack import attack
from cocotb_tests.attacks.dma.bugs import dma_reaches_registers
from cocotb_tests.attacks.dma.bugs_disk import disk_is_not_held, drive_keeps_its_work, movable_ports_come_first
from cocotb_tests.attacks.dma.disk_driver import TABLE, DiskDriver
from cocotb_tests.attacks.dma.judge import Harm
from cocotb_tests.attacks.dma.stage import Stage, engine, guard
from cocotb_tests.attacks.dma.world import HOMES, MARK, NEIGHBOUR, SHARED, VICTIM, Owner, secret
from contracts.ide import IDE_REQUESTER, PRD_SIZE, SECTOR_SIZE, Ata, PrdFlag, Status
from contracts.memory_map import Physical, Port
from contracts.pci import ConfigOffset

__all__: list[str] = []

_attack = partial(attack, disk=True)

_HOME = HOMES[0]
_LINE = 16
_WHOLE_SPACE = 128 << 10  # bytes of a map for 4 GiB
_DISK = 1 << IDE_REQUESTER
_SECTOR_OF_MARKS = [MARK + n for n in range(SECTOR_SIZE // 4)]
_IDLE_POLLS = 60  # more than a sector takes that goes to storage


async def _begin(stage: Stage, *pages: int, length: int | None = None) -> None:
    """The usual policy, the attacker's disk switched on, its first sector written by him."""
    stage.fill_sector(0, _SECTOR_OF_MARKS)
    if length is None:
        await stage.protect(*pages)
    else:
        await stage.protect(*pages, length=length)
    await stage.disk.switch_on()


@_attack("the victim's memory, as descriptors", control=Strap.GUARD_OFF, harm=Harm.SECRET)
async def prd_table_of_the_victims(stage: Stage) -> None:
    """The bus master is told to fetch its PRD table from the victim's page."""
    await _begin(stage)
    await stage.disk.start(to_memory=True, table=VICTIM)
    await stage.disk.finish()


@_attack("the victim's memory", control=Strap.GUARD_OFF, harm=Harm.CHANGE)
async def prd_reaches_the_victim(stage: Stage) -> None:
    """An entry names the victim's page, after one that is allowed: for a write of a sector, and for a read."""
    await _begin(stage)
    for to_memory, sector in ((False, 1), (True, 0)):
        await stage.disk.transfer((_HOME, _LINE), (VICTIM, SECTOR_SIZE - _LINE), to_memory=to_memory, sector=sector)
        await stage.disk.reset()


@_attack("the page after the table, as descriptors", control=Strap.GUARD_OFF, harm=Harm.SECRET)
async def prd_table_runs_out_of_its_page(stage: Stage) -> None:
    """A table without an end mark reaches the end of its page."""
    await _begin(stage)
    stage.disk.describe((_HOME, _LINE), at=VICTIM - PRD_SIZE, end=False)
    await stage.disk.start(to_memory=True, table=VICTIM - PRD_SIZE)
    await stage.disk.finish()


@_attack("the page after the buffer", control=Strap.GUARD_OFF, harm=Harm.CHANGE)
async def prd_of_64_kib(stage: Stage) -> None:
    """A byte count of 0, which is 64 KiB, begins with the last line of the attacker's page."""
    await _begin(stage)
    await stage.disk.transfer((VICTIM - _LINE, 0), to_memory=True)


@_attack("the victim's memory, by a descriptor that nobody has seen", control=Strap.GUARD_OFF, harm=Harm.CHANGE)
async def prd_written_by_the_disk(stage: Stage) -> None:
    """The first entry has the sector read over the second: whoever checked the table before it ran has checked something else."""
    stage.fill_sector(1, [VICTIM, (SECTOR_SIZE - PRD_SIZE) | PrdFlag.END_OF_TABLE, *_SECTOR_OF_MARKS[2:]])
    await _begin(stage)
    harmless = (_HOME, SECTOR_SIZE - PRD_SIZE)
    await stage.disk.transfer((TABLE + PRD_SIZE, PRD_SIZE), harmless, to_memory=True, sector=1)


@_attack("a device of ring -1's", control=movable_ports_come_first, harm=Harm.CHANGE)
async def base_address_over_a_device(stage: Stage) -> None:
    """The bus master's ports are moved over the 8259s, whose masks ring -1 then sets; and over the guard and RAM, where no ports are."""
    masks = {Port.PIC_MASTER + 1: 0xA5, Port.PIC_SLAVE + 1: 0x5A}
    await _begin(stage)
    for port, mask in masks.items():
        await stage.ring_minus_1.output(port, ~mask & 0xFF)
        await stage.disk.configure(ConfigOffset.BAR4, port & -_LINE, hostile=True)
        await stage.ring_minus_1.output(port, mask)
    for address in (Physical.GUARD, VICTIM):
        await stage.disk.configure(ConfigOffset.BAR4, address, hostile=True)
        await stage.guest.output(address & 0xFFFF, 0xFF)
    await stage.disk.switch_on()
    for port, mask in masks.items():
        await stage.port_keeps(port, mask)


@_attack("the guard and other devices", control=dma_reaches_registers, harm=Harm.SECRET)
async def transfer_to_a_device(stage: Stage) -> None:
    """Entries name registers of the guard, the TPM, a DMA engine, the screen and the trusted line, where ring -1 has opened what is no
    memory: the place of a map that opens the victim's page is read from the disk into the guard's, which would open it to the disk."""
    stage.plant(NEIGHBOUR + stage.map_word(0, VICTIM, base=0), 0xFFFF_FFFF)
    stage.fill_sector(1, [NEIGHBOUR])
    devices = (guard("MAP_BASE"), int(Physical.TPM), engine("DESCRIPTOR"), int(Physical.SCREEN), int(Physical.TRUSTED_LINE))
    await _begin(stage, *devices, length=_WHOLE_SPACE)
    for target in devices:
        await stage.disk.transfer((target, 4), to_memory=True, sector=1)
        await stage.disk.reset()
    stage.disk.describe((VICTIM, _LINE))
    await stage.disk.start(to_memory=False)
    await stage.disk.finish()


async def _take(stage: Stage) -> None:
    """Ring -1 takes the disk: until it is at rest, though not for ever."""
    await stage.ring_minus_1.write(guard("DEVICE_RESET"), _DISK)
    for _ in range(_IDLE_POLLS):
        if (await stage.ring_minus_1.read(guard("DEVICE_IDLE"))).word & _DISK:
            break


@_attack("what the disk's last owner was reading", control=drive_keeps_its_work, harm=Harm.SECRET)
async def sectors_of_the_last_owner(stage: Stage) -> None:
    """The victim's guest has a sector in the drive's buffer, a part of it read, when the disk is given to the attacker, who reads on."""
    stage.fill_sector(0, [secret(VICTIM + 4 * n) for n in range(SECTOR_SIZE // 4)])
    await stage.protect()
    victims = DiskDriver(stage, stage.victim)
    await victims.switch_on()
    await victims.command(Ata.READ_SECTORS, 0)
    await victims.ready(Status.DRQ)
    await victims.read_words(2)
    await _take(stage)
    stage.fill_sector(0, _SECTOR_OF_MARKS)  # what the disk's next owner may read is his
    await stage.ring_minus_1.write(guard("DEVICE_RESET"), 0)
    await stage.disk.switch_on()
    await stage.disk.read_words(4)


_MOMENTS = range(110, 340, 80)  # cycles from the command: while the sector is fetched, and while its lines go to memory


@_attack("the next owner of the disk, and of the page to which it was reading", control=disk_is_not_held, harm=Harm.CHANGE)
async def transfer_in_flight_at_the_hand_over(stage: Stage) -> None:
    """The disk is taken in the middle of a transfer, at several moments; the page is given to the disk's next owner, who lets the disk
    master the bus and stores something there."""
    stage.world.owners[SHARED] = Owner.ATTACKER
    await _begin(stage, SHARED)
    for number, moment in enumerate(_MOMENTS):
        target = SHARED + SECTOR_SIZE * number
        stage.disk.describe((target, SECTOR_SIZE))
        await stage.disk.start(to_memory=True)
        await stage.cycles(moment)
        await _take(stage)
        stage.settle(target, SECTOR_SIZE)
        for offset in range(0, SECTOR_SIZE, 4 * _LINE):
            await stage.store_secret(target + offset)
        await stage.ring_minus_1.write(guard("DEVICE_RESET"), 0)
        await stage.disk.switch_on()
        await stage.cycles(80)
        await stage.disk.reset()
    stage.world.owners[SHARED] = Owner.VICTIM
