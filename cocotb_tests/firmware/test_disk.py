"""The disk program: on QEMU's PIIX3, on the machine, and above the isolation kernel, from one binary."""

import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cocotb_tests.firmware.qemu import run as run_on_qemu
from contracts.ide import SECTOR_SIZE, BusMasterPort, TaskFile
from contracts.memory_map import PAGE_SIZE, Physical, Port
from contracts.pci import IDE_FUNCTION, Command, ConfigOffset
from contracts.policy_map import GUARD
from firmware import build
from firmware.guests.layout import SECRET_WORDS
from isolation_kernel.configuration import KernelConfig
from isolation_kernel.devices import DEVICES, DeviceNumber
from isolation_kernel.kernel import Step
from isolation_kernel.partition import Partition
from isolation_kernel.protections import Protections
from sim.guests import GuestProgram, GuestSystem
from sim.machine import DEFAULT_MEMORY, Ending, Machine
from sim.multiboot import read_multiboot

SECTORS = 512
LIMIT = 30_000_000  # cycles; the longest takes half of that
MEMORY = 3 << 20  # of a guest
IDE = DEVICES[DeviceNumber.IDE]
DISK = frozenset({DeviceNumber.IDE})
PLACEHOLDER = b"0x00000001"  # for an address
KERNEL = KernelConfig(slice_cycles=40_000, timer_cycles=20_000)
SECRET = b"".join(word.to_bytes(4, "little") for word in SECRET_WORDS)


@pytest.fixture
def image(tmp_path: Path, rng: random.Random) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(rng.randbytes(SECTORS * SECTOR_SIZE))
    return path


def copy(image: Path, name: str) -> Path:
    """One for each machine."""
    return Path(shutil.copy(image, image.with_name(name)))


def on_qemu(image: Path, command_line: str = "") -> list[str]:
    """What it says there."""
    outcome = run_on_qemu(build.guest("disk"), command_line, extra=["-drive", f"file={image},if=ide,format=raw"], seconds=60)
    assert outcome.status == 0, outcome.text
    return outcome.lines


def natively(image: Path, command_line: str = "") -> list[str]:
    with Machine(disk=image) as machine:
        machine.load_multiboot(read_multiboot(build.guest("disk"), DEFAULT_MEMORY), command_line)
        outcome = machine.run(LIMIT)
        assert outcome.ending is Ending.EXIT
        machine.drain()
        return machine.outputs["com1"].decode().splitlines()


class Above:
    """Guests above the isolation kernel, by program and command line; the first has the disk."""

    def __init__(self, image: Path, *guests: tuple[str, str], protections: Protections | None = None) -> None:
        self.machine = Machine(disk=image)
        config = replace(KERNEL, protections=protections or Protections())
        self.system = GuestSystem(self.machine, config, guest_limit=LIMIT)
        self.kernel = self.system.kernel
        self.guests = [self._load(n, *guest) for n, guest in enumerate(guests)]

    def _load(self, number: int, name: str, command_line: str) -> Partition:
        program = GuestProgram.load(
            build.guest(name), MEMORY, f"guest {number + 1}", command_line=command_line, one_to_one=number == 0,
            devices=DISK if number == 0 else frozenset(),
        )  # fmt: skip
        return self.kernel.load_guest(program.configuration())

    def run(self, until: Callable[[], bool]) -> None:
        """Until it holds; AssertionError if it never does."""
        start = self.machine.cycle
        while not until():
            assert self.kernel.step() in (Step.RAN, Step.WAITED) and self.machine.cycle - start < LIMIT, [g.console for g in self.guests]

    def lines(self, guest: Partition) -> list[str]:
        return guest.console.decode().splitlines()

    def guard(self, name: str) -> int:
        return self.system.link.read32(Physical.GUARD + GUARD[name].offset)

    def __enter__(self) -> "Above":
        return self

    def __exit__(self, *_: object) -> None:
        self.machine.close()


def says(guest: Partition, text: bytes) -> Callable[[], bool]:
    """Whether it has said that, or has ended."""
    return lambda: text in guest.console or not guest.alive


def test_it_says_and_writes_the_same_everywhere(image: Path) -> None:
    """On QEMU, natively, and above the kernel: the same lines, and afterwards the same sectors."""
    images = [copy(image, name) for name in ("qemu", "native", "guest")]
    want = on_qemu(images[0])
    assert want[0] == f"disk: {SECTORS} sectors" and want[-1] == "disk: done, by interrupt"
    assert natively(images[1]) == want
    with Above(images[2], ("disk", "")) as above:
        above.run(says(above.guests[0], b"disk: done, by interrupt\n"))
        assert above.lines(above.guests[0]) == want
    contents = [path.read_bytes() for path in images]
    assert contents[0] == contents[1] == contents[2] != image.read_bytes()


@pytest.mark.regress
def test_by_polling_too(image: Path) -> None:
    images = [copy(image, name) for name in ("qemu", "native")]
    want = on_qemu(images[0], "irq=0")
    assert want[-1] == "disk: done, by polling" and natively(images[1], "irq=0") == want
    assert images[0].read_bytes() == images[1].read_bytes()


def test_without_a_drive_there_is_none() -> None:
    with Machine() as machine:
        machine.load_multiboot(read_multiboot(build.guest("disk"), DEFAULT_MEMORY), "patience=100")
        outcome = machine.run(LIMIT)
        machine.drain()
        assert outcome.status == 1 << 1 | 1 and machine.outputs["com1"] == b"disk: absent\n"


def hostile(image: Path, protections: Protections | None = None) -> tuple[list[str], bool, bool, int]:
    """Guest 1 aims its disk at a page of guest 2: what it says of that, whether the page is as it was, whether the page came to the disk,
    and how many refusals the kernel was told of."""
    guests = ("disk", f"hostile={PLACEHOLDER.decode()} patience=2000"), ("trusted", "")
    with Above(image, *guests, protections=protections) as above:
        first, second = above.guests
        frame = second.memory.pages[0x2FF]
        above.system.link.write_block(frame * PAGE_SIZE, SECRET.ljust(PAGE_SIZE, b"\0"))
        # the address is known only now: the command line lies in guest 1's memory, which has not run
        text = f"{frame * PAGE_SIZE:#010x}".encode()
        at, data = next((at, data) for at, data in first.config.segments if PLACEHOLDER in data)
        assert first.memory.write(at + data.index(PLACEHOLDER), text)
        above.run(says(first, b"data port:"))  # the last line: what is allowed works afterwards
        page = above.system.link.read_block(frame * PAGE_SIZE, PAGE_SIZE)
        lines = [line for line in above.lines(first) if text.decode()[2:] in line]
        return lines, page == SECRET.ljust(PAGE_SIZE, b"\0"), SECRET in image.read_bytes(), len(above.kernel.refusals)


def test_a_hostile_descriptor_table_reaches_the_first_guest_alone(image: Path) -> None:
    lines, untouched, on_disk, refusals = hostile(image)
    assert [line.split(": ")[1] for line in lines] == ["bus error"] * 3
    assert untouched and not on_disk and refusals == 3


def test_it_reaches_another_without_the_dma_policy(image: Path) -> None:
    lines, untouched, on_disk, refusals = hostile(image, Protections.without("dma_policy"))
    assert [line.split(": ")[1] for line in lines[:2]] == ["ok"] * 2
    assert not untouched and on_disk


def moved(image: Path, protections: Protections | None = None) -> tuple[list[str], list[int], int]:
    """The disk goes from guest 1, with a transfer in flight, to guest 2, which waits for one: what guest 2 says, what the registers hold
    at that moment (bus master, task file), and COMMAND."""
    with Above(image, ("disk", "loop=1 patience=300"), ("disk", "wait=1"), protections=protections) as above:
        first, second = above.guests
        above.run(lambda: bool(first.console) and not above.guard("DEVICE_IDLE") >> 2 & 1)
        assert above.kernel.move_device(DeviceNumber.IDE, second.number) or protections is not None
        link = above.system.link
        place = IDE.settings[ConfigOffset.BAR4]
        registers = [link.io_read(place + n) for n in (BusMasterPort.COMMAND, *range(BusMasterPort.DESCRIPTOR_TABLE, 8))]
        link.io_write32(Port.PCI_ADDRESS, IDE_FUNCTION.select(ConfigOffset.COMMAND))
        command = link.io_read(Port.PCI_DATA)
        if protections is None:
            link.io_write32(Port.PCI_ADDRESS, IDE_FUNCTION.select(ConfigOffset.IDE_TIMING_PRIMARY))
            link.io_write(Port.PCI_DATA + 1, 0x80)  # so that the task file answers
            registers += [link.io_read(Port.IDE_PRIMARY + n) for n in (TaskFile.LBA_MID, TaskFile.LBA_HIGH)]
            above.run(says(second, b"first of"))  # it has written, read back and compared
        return above.lines(second), registers, command


def test_it_moves_with_transfers_in_flight_and_nothing_left_in_it(image: Path) -> None:
    want = on_qemu(copy(image, "qemu"))  # the first guest does not come to sector 0
    lines, registers, command = moved(image)
    assert not any(registers) and command == Command.IO
    assert lines[:4] == want[:4] and lines[3].startswith("data port")


def test_without_the_reset_the_next_owner_finds_the_work_of_the_last(image: Path) -> None:
    _, registers, command = moved(image, Protections.without("device_reset"))
    assert any(registers) and command & Command.BUS_MASTER
