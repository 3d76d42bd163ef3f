"""Attacks by way of the disk: descriptor tables, ports, configuration space, what is left in it."""

from collections.abc import Callable

from cocotb_tests.isolation_kernel import disk
from cocotb_tests.isolation_kernel.attacks.attack import BAD, SCRATCH, SECRET, Judge, attack, changed, shows, victim, words
from cocotb_tests.isolation_kernel.world import World
from contracts.devices import DEVICES, DeviceNumber
from contracts.hypercalls import Hypercall
from contracts.ide import SECTOR_SIZE, BusMasterPort, PrdFlag, TaskFile
from contracts.memory_map import PAGE_SIZE, Port
from contracts.pci import BAR_IO_MASK, IDE_FUNCTION, Command, ConfigOffset
from isolation_kernel.model.script import Out, Script, Spin, Vmmcall

__all__: list[str] = []


def _disk_attack(world: World, regions: Callable[[int], list[tuple[int, int]]], judge: Callable[[int], Judge],
                 write: bool, table: Callable[[int], int] = lambda target: disk.TABLE) -> Judge:  # fmt: skip
    """A hostile descriptor table; then a transfer that is allowed, which still works."""
    _, target = victim(world)
    world.machine.memory.ide.medium[:] = BAD.to_bytes(4, "little") * (len(world.machine.memory.ide.medium) // 4)

    def script() -> Script:
        base: int = yield from disk.bus_master_ports()
        yield from disk.enable()
        yield from disk.transfer(base, 0, 1, write, regions(target), table(target))
        yield from disk.transfer(base, 0, 1, False, [(SCRATCH, SECTOR_SIZE)])  # sector 0, wherever it came from

    world.guest(script, one_to_one=True, devices=frozenset({DeviceNumber.IDE}))
    return judge(target)


@attack("dma_policy")
def reads_the_disk_into_a_neighbour(world: World) -> Judge:
    return _disk_attack(world, lambda target: [(target, SECTOR_SIZE)], changed, write=False)


@attack("dma_policy")
def reads_the_disk_into_a_neighbour_by_its_second_region(world: World) -> Judge:
    return _disk_attack(world, lambda target: [(SCRATCH, 256), (target, 256)], changed, write=False)


@attack("dma_policy")
def writes_a_neighbour_to_the_disk(world: World) -> Judge:
    return _disk_attack(world, lambda target: [(target, SECTOR_SIZE)], lambda target: shows(), write=True)


@attack("dma_policy")
def has_the_disk_read_a_vcpu_block(world: World) -> Judge:
    at = world.kernel.frames.allocate() * PAGE_SIZE
    world.machine.memory.write32(at, SECRET)
    return _disk_attack(world, lambda target: [(at, SECTOR_SIZE)], lambda target: shows(), write=True)


@attack("dma_policy")
def puts_a_descriptor_table_in_a_neighbour(world: World) -> Judge:
    partition, target = victim(world)
    for word, value in enumerate((SCRATCH + 0x1000, SECTOR_SIZE | PrdFlag.END_OF_TABLE)):
        world.machine.memory.write32(target + 4 * word, value)
    _disk_attack(world, lambda _: [], changed, write=False, table=lambda _: target)
    return lambda world: words(world, SCRATCH + 0x1000, 1) == [BAD]


@attack("io_permission")
def drives_a_neighbours_disk(world: World) -> Judge:
    victim(world, devices=frozenset({DeviceNumber.IDE}))

    def script() -> Script:
        for register in (TaskFile.SECTOR_COUNT, TaskFile.LBA_LOW):
            yield Out(Port.IDE_PRIMARY + register, 0x33)

    world.guest(script, one_to_one=True)
    return lambda world: bool(world.machine.memory.ide.task_file[TaskFile.LBA_LOW])


@attack("io_permission")
def reaches_a_neighbours_bus_master(world: World) -> Judge:
    victim(world, devices=frozenset({DeviceNumber.IDE}))
    place = DEVICES[DeviceNumber.IDE].settings[ConfigOffset.BAR4]

    def script() -> Script:
        yield Out(place + BusMasterPort.DESCRIPTOR_TABLE, SCRATCH, 4)

    world.guest(script, one_to_one=True)
    return lambda world: any(world.machine.memory.ide.bus_master)


def _sets_a_neighbours_register(world: World, offset: int, value: int) -> Judge:
    victim(world, devices=frozenset({DeviceNumber.IDE}))

    def script() -> Script:
        yield from disk.config_write(IDE_FUNCTION, offset, value)

    world.guest(script, one_to_one=True)
    selected = IDE_FUNCTION.select(offset)
    before = world.machine.memory.pci.words[selected]
    return lambda world: world.machine.memory.pci.words[selected] != before


@attack("pci_configuration")
def switches_a_neighbours_ports_off(world: World) -> Judge:
    return _sets_a_neighbours_register(world, ConfigOffset.COMMAND, 0)


@attack("pci_configuration")
def has_a_neighbours_disk_master_the_bus(world: World) -> Judge:
    return _sets_a_neighbours_register(world, ConfigOffset.COMMAND, Command.IO | Command.BUS_MASTER)


@attack("pci_configuration")
def moves_a_neighbours_ports(world: World) -> Judge:
    return _sets_a_neighbours_register(world, ConfigOffset.BAR4, 0x3000)


@attack("pci_configuration")
def moves_its_own_ports_over_the_timers(world: World) -> Judge:
    def script() -> Script:
        yield from disk.config_write(IDE_FUNCTION, ConfigOffset.BAR4, Port.PIT)

    world.guest(script, one_to_one=True, devices=frozenset({DeviceNumber.IDE}))
    return lambda world: world.machine.memory.pci.words[IDE_FUNCTION.select(ConfigOffset.BAR4)] & BAR_IO_MASK == Port.PIT


@attack("device_reset")
def leaves_a_transfer_in_the_disk_for_its_next_owner(world: World) -> Judge:
    """The table names the next owner's memory: refused while the disk is the attacker's, its own right afterwards."""
    receiver, target = victim(world)

    def script() -> Script:
        base: int = yield from disk.bus_master_ports()
        yield from disk.enable()
        yield from disk.begin(base, 0, 32, False, [(0x0010_0000, 31 * SECTOR_SIZE), (target, SECTOR_SIZE)])
        yield Vmmcall(Hypercall.GIVE_DEVICE, DeviceNumber.IDE, receiver.number)
        for _ in range(4096):
            yield Spin(1)

    world.guest(script, one_to_one=True, devices=frozenset({DeviceNumber.IDE}))
    # the next access to the attacker's memory is refused once the disk is the victim's; what counts is what the disk still knew
    return lambda world: any(world.machine.memory.ide.bus_master) or any(world.machine.memory.ide.task_file)
