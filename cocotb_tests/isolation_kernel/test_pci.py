"""Configuration space above the kernel: whose functions a guest sees, what it can set, and what that moves."""

import random
from collections.abc import Callable

import pytest

from cocotb_tests.isolation_kernel.attacks.attack import waits
from cocotb_tests.isolation_kernel.disk import begin, bus_master_ports, config_read, config_write, enable, transfer
from cocotb_tests.isolation_kernel.world import World
from contracts.devices import DEVICES, DeviceNumber
from contracts.hypercalls import Hypercall
from contracts.ide import SECTOR_SIZE, BusMasterPort, BusMasterStatus
from contracts.memory_map import Physical, Port
from contracts.pci import (
    BAR_IO_MASK,
    BAR_IO_SPACE,
    BASE_ADDRESSES,
    FUNCTIONS,
    HOST_BRIDGE,
    IDE_FUNCTION,
    ISA_BRIDGE,
    Command,
    ConfigOffset,
    Function,
)
from contracts.policy_map import GUARD
from isolation_kernel.instruction import carry_out
from isolation_kernel.model.script import In, Out, Read, Script, Vmmcall, Write
from isolation_kernel.partition import Partition
from isolation_kernel.pci import configure
from virtual_pc.requests import Configure, Doing, Done

DISK = frozenset({DeviceNumber.IDE})
PLACE = DEVICES[DeviceNumber.IDE].settings[ConfigOffset.BAR4]
ONES = 0xFFFF_FFFF
BUFFER = 0x0006_0000
LATENCY = ConfigOffset.LATENCY_TIMER


def hardware(world: World, function: Function, offset: int) -> int:
    """What a dword of configuration space really holds."""
    return world.machine.memory.pci.words.get(function.select(offset & ~3), 0)


def run(script: Callable[[list[int]], Script], owner: bool = True) -> tuple[World, list[int]]:
    """A guest that owns the disk, or runs beside one that does; and what it found."""
    world, found = World(), list[int]()
    if not owner:
        world.guest(waits, devices=DISK)
    world.guest(lambda: script(found), one_to_one=True, devices=DISK if owner else frozenset())
    world.run(800)
    return world, found


def identities(found: list[int]) -> Script:
    for function in FUNCTIONS:
        found.append((yield from config_read(function, ConfigOffset.VENDOR_ID)))


def test_a_guest_sees_the_bridges_and_its_own_functions() -> None:
    want = [function.words[0].reset for function in FUNCTIONS]
    assert run(identities)[1] == want
    assert run(identities, owner=False)[1] == [*want[:2], ONES]


def test_nothing_else_answers(rng: random.Random) -> None:
    """Other functions, other buses, CONFIG_DATA while CONFIG_ADDRESS does not enable it."""
    known = {f.select(0) >> 8 for f in FUNCTIONS}
    others = [n for n in (1 << 23 | rng.getrandbits(16) for _ in range(40)) if n not in known]
    addresses = [n << 8 for n in (*others, 1 << 23 | 1 << 8, 1 << 23 | 2)] + [IDE_FUNCTION.select(0) & ~(1 << 31), 0]

    def script(found: list[int]) -> Script:
        for address in addresses:
            yield Out(Port.PCI_ADDRESS, address, 4)
            found.append((yield In(Port.PCI_DATA, 4)))

    assert run(script)[1] == [ONES] * len(addresses)


def test_config_address_is_a_dword_of_the_guests_own() -> None:
    """It reads back as written; bytes and words there are other ports, CF9h among them, and leave it alone."""

    def script(found: list[int]) -> Script:
        yield Out(Port.PCI_ADDRESS, IDE_FUNCTION.select(0), 4)
        yield Out(Port.PCI_ADDRESS, 0x00, 1)
        yield Out(Port.RESET_CONTROL, 0x00, 1)
        yield Out(Port.PCI_ADDRESS + 2, 0x00, 2)
        found.append((yield In(Port.PCI_ADDRESS, 4)))
        found.append((yield In(Port.PCI_ADDRESS, 1)))
        found.append((yield In(Port.PCI_DATA, 4)))

    world, found = run(script)
    assert found == [IDE_FUNCTION.select(0), 0xFF, IDE_FUNCTION.words[0].reset]
    assert world.kernel.partitions[1].pc.pc.pci.address == IDE_FUNCTION.select(0)


def test_registers_by_byte_word_and_dword() -> None:
    def script(found: list[int]) -> Script:
        yield from config_write(IDE_FUNCTION, ConfigOffset.IDE_TIMING_PRIMARY, 0x1234_A307)
        yield from config_write(IDE_FUNCTION, ConfigOffset.IDE_TIMING_SECONDARY, 0x8765, 2)
        yield from config_write(IDE_FUNCTION, ConfigOffset.INTERRUPT_LINE, 14, 1)
        for offset, size in ((0x40, 4), (0x42, 2), (0x41, 1), (0x3C, 1), (ConfigOffset.CLASS, 1), (0xF0, 4)):
            found.append((yield from config_read(IDE_FUNCTION, offset, size)))

    assert run(script)[1] == [0x8765_A307, 0x8765, 0xA3, 14, 0x01, 0]


def test_a_base_address_can_be_sized_and_set_and_moves_nothing() -> None:
    """Over another device, over RAM, over nothing: the guest reads what it wrote, the ports stay where the kernel has put them."""
    moved = (Port.PIC_MASTER, Port.PIT, Port.COM1 & ~0xF, 0x0010_0000, Physical.GUARD, 0x3000)

    def script(found: list[int]) -> Script:
        found.append((yield from bus_master_ports()))
        yield from config_write(IDE_FUNCTION, ConfigOffset.BAR4, ONES)
        found.append((yield from config_read(IDE_FUNCTION, ConfigOffset.BAR4)))
        yield from config_write(IDE_FUNCTION, ConfigOffset.BAR4 + 1, 0x12, 1)
        found.append((yield from config_read(IDE_FUNCTION, ConfigOffset.BAR4)))
        for place in moved:
            yield from config_write(IDE_FUNCTION, ConfigOffset.BAR4, place)
            found.append((yield from config_read(IDE_FUNCTION, ConfigOffset.BAR4)))
            yield Out(place + BusMasterPort.DESCRIPTOR_TABLE & 0xFFFF, 0xA5, 1)
        for offset in (0x10, 0x14, 0x18, 0x1C, 0x24):
            yield from config_write(IDE_FUNCTION, offset, ONES)
            found.append((yield from config_read(IDE_FUNCTION, offset)))

    world, found = run(script)
    want = [PLACE, BAR_IO_MASK | BAR_IO_SPACE, BAR_IO_MASK & ~0xFF00 | 0x1200 | BAR_IO_SPACE]
    assert found == want + [place & BAR_IO_MASK | BAR_IO_SPACE for place in moved] + [0] * 5
    assert hardware(world, IDE_FUNCTION, ConfigOffset.BAR4) == PLACE | BAR_IO_SPACE
    assert not any(world.machine.memory.ide.bus_master)


def test_only_the_owner_makes_it_master_the_bus() -> None:
    def script(found: list[int]) -> Script:
        yield from enable()
        found.append((yield from config_read(IDE_FUNCTION, ConfigOffset.COMMAND, 2)))

    world, found = run(script, owner=False)
    assert found == [0xFFFF] and hardware(world, IDE_FUNCTION, ConfigOffset.COMMAND) & 0xFFFF == Command.IO
    world, found = run(script)
    assert found == [Command.IO | Command.BUS_MASTER]


@pytest.mark.parametrize("function", [HOST_BRIDGE, ISA_BRIDGE], ids=lambda f: f.name)
def test_bridges_are_nobodys_to_write(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[int] = []

    def script(found: list[int]) -> Script:
        for offset in range(0, 0x100, 4):
            yield from config_write(function, offset, ONES)

    world = World()
    pci = world.machine.memory.pci
    write = pci.write

    def noted(lane: int, value: int) -> None:
        writes.append(pci.address & ~0xFF)
        write(lane, value)

    monkeypatch.setattr(pci, "write", noted)
    world.guest(lambda: script([]), one_to_one=True, devices=DISK)
    world.run()
    assert function.select(0) not in writes and IDE_FUNCTION.select(0) in writes, "the kernel's own are seen"


def drives(found: list[int], seed: int = 1) -> Callable[[], Script]:
    """A driver: finds its ports, writes three sectors from two regions and reads them back into one."""

    def script() -> Script:
        base: int = yield from bus_master_ports()
        yield from enable()
        for n in range(0, 3 * SECTOR_SIZE, 4):
            yield Write(BUFFER + n, seed << 24 | n)
        found.append((yield from transfer(base, 5, 3, True, [(BUFFER, 600), (BUFFER + 600, 3 * SECTOR_SIZE - 600)])))
        found.append((yield from transfer(base, 5, 3, False, [(BUFFER + 0x1000, 3 * SECTOR_SIZE)])))
        for n in (0, 596, 600, 3 * SECTOR_SIZE - 4):
            found.append((yield Read(BUFFER + 0x1000 + n)))

    return script


def test_a_guest_drives_its_disk() -> None:
    found: list[int] = []
    world = World()
    guest = world.guest(drives(found), one_to_one=True, devices=DISK)
    world.guest(waits)
    world.run(5000)
    assert found == [BusMasterStatus.INTERRUPT] * 2 + [1 << 24 | n for n in (0, 596, 600, 3 * SECTOR_SIZE - 4)]
    assert bytes(world.machine.memory.ide.medium[5 * SECTOR_SIZE :][:600]) == world.frame_bytes(guest, BUFFER, 600)
    assert guest.pc.pc.pic.slave.requests >> 6 & 1, "IRQ 14 reaches its owner"


def test_a_function_starts_afresh_with_each_owner() -> None:
    """Nothing that the first one set in configuration space is there for the second: COMMAND, timings, scratch registers, base address."""
    found: list[int] = []

    def first() -> Script:
        yield from enable()
        yield from config_write(IDE_FUNCTION, ConfigOffset.IDE_TIMING_PRIMARY, 0xA307_A307)
        yield from config_write(IDE_FUNCTION, ConfigOffset.INTERRUPT_LINE, 0x5A, 1)
        yield from config_write(IDE_FUNCTION, LATENCY, 0x40, 1)
        yield from config_write(IDE_FUNCTION, ConfigOffset.BAR4, 0x3000)
        yield from waits()

    def second() -> Script:
        for offset in (ConfigOffset.COMMAND, ConfigOffset.IDE_TIMING_PRIMARY, ConfigOffset.INTERRUPT_LINE, LATENCY, ConfigOffset.BAR4):
            found.append((yield from config_read(IDE_FUNCTION, offset & ~3)))
        yield from waits()

    world = World()
    a = world.guest(first, one_to_one=True, devices=DISK)
    world.run()
    assert hardware(world, IDE_FUNCTION, ConfigOffset.COMMAND) & Command.BUS_MASTER, "the test has set something"
    assert hardware(world, IDE_FUNCTION, ConfigOffset.INTERRUPT_LINE) & 0xFF == 0x5A
    b = world.guest(second)
    assert world.kernel.move_device(DeviceNumber.IDE, b.number)
    assert not hardware(world, IDE_FUNCTION, ConfigOffset.COMMAND) & Command.BUS_MASTER
    world.run()
    words = IDE_FUNCTION.words
    assert found == [
        words[ConfigOffset.COMMAND].reset | Command.IO, words[ConfigOffset.IDE_TIMING_PRIMARY].reset, 0, words[LATENCY & ~3].reset,
        PLACE | BAR_IO_SPACE,
    ]  # fmt: skip
    assert world.kernel.move_device(DeviceNumber.IDE, a.number)

    def reads() -> Doing:
        byte = yield from a.pc.pc.pci.read(1)
        yield Done(status=byte)

    a.pc.pc.pci.select(IDE_FUNCTION.select(ConfigOffset.BAR4))
    again = carry_out(a, reads())
    assert isinstance(again, Done) and again.status == PLACE >> 8, "nor does it find its own base address again"


@pytest.mark.parametrize("owner", (False, True))
def test_a_virtual_pc_that_asks_for_more_gets_no_more(owner: bool, rng: random.Random) -> None:
    """The room may name any register: of another's function it reads ones, and it writes neither that nor a base address, nor a bridge."""
    world = World()
    world.guest(waits, devices=frozenset() if owner else DISK)
    guest = world.guest(waits, one_to_one=True, devices=DISK if owner else frozenset())
    for function in FUNCTIONS:
        for offset in (*BASE_ADDRESSES[::4], ConfigOffset.COMMAND, ConfigOffset.IDE_TIMING_PRIMARY):
            before, mine = hardware(world, function, offset), owner and function is IDE_FUNCTION
            anywhere = function.select(offset) | rng.getrandbits(40) << 32  # what it says beyond 32 bits is cut
            lane = offset & 3 | rng.getrandbits(20) << 2
            assert configure(guest, Configure(anywhere, lane)) == (
                0xFF if function is IDE_FUNCTION and not mine else before >> 8 * (offset & 3) & 0xFF
            )
            configure(guest, Configure(anywhere, lane, rng.getrandbits(32) | 0xA5))
            assert (hardware(world, function, offset) == before) == (not mine or offset in BASE_ADDRESSES), (function.name, offset)


def in_flight(world: World) -> Partition:
    """A guest with a long transfer under way, and the disk still at it."""

    def script() -> Script:
        base: int = yield from bus_master_ports()
        yield from enable()
        yield from begin(base, 0, 32, True, [(BUFFER, 32 * SECTOR_SIZE)])
        yield Vmmcall(Hypercall.YIELD)
        yield from waits()

    guest = world.guest(script, one_to_one=True, devices=DISK)
    for _ in range(400):
        world.kernel.step()
        if not world.machine.memory.ide.idle:
            return guest
    raise AssertionError("the transfer has not begun")


def test_a_busy_disk_moves_with_nothing_left_in_it() -> None:
    world = World()
    first, second = in_flight(world), world.guest(waits)
    ide = world.machine.memory.ide
    assert any(ide.task_file) and any(ide.bus_master)
    assert world.kernel.move_device(DeviceNumber.IDE, second.number)
    assert ide.idle and not any(ide.task_file) and not any(ide.bus_master)
    before = bytes(world.machine.memory.ram)
    for _ in range(100):
        ide.step()
    assert before == bytes(world.machine.memory.ram)
    assert world.kernel.policy.owners[2] == second.number and DeviceNumber.IDE not in first.devices
    world.run(40)


def test_unowned_devices_are_held_at_rest() -> None:
    """From the start, and when their owner has ended; an owner's is not."""
    world = World()
    held = GUARD["DEVICE_RESET"].offset
    assert world.machine.memory.guard.read(held) == 0b111
    guest = world.guest(waits, one_to_one=True, devices=DISK)
    assert world.machine.memory.guard.read(held) == 0b011
    world.kernel.end_guest(guest, "")
    assert world.machine.memory.guard.read(held) == 0b111


def test_a_disk_that_does_not_come_to_rest_is_nobodys() -> None:
    world = World()
    first, second = in_flight(world), world.guest(waits)
    world.machine.memory.ide.step = lambda: None  # type: ignore[method-assign]
    assert not world.kernel.move_device(DeviceNumber.IDE, second.number)
    assert DeviceNumber.IDE not in first.devices | second.devices and world.kernel.policy.owners[2] is None
    assert world.machine.memory.guard.read(GUARD["DEVICE_RESET"].offset) >> 2 & 1
    assert not world.kernel.policy.admitted[2]
    world.run(40)
