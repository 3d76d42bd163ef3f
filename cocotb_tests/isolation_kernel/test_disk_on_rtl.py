"""The disk changes hands on the RTL while its transfers are in flight, between guests that run: at many moments of a transfer."""

import random
import struct
from pathlib import Path

import pytest

from cocotb_tests.firmware.disk_system import GUEST_MEMORY, IDE, SECTORS, Above, says
from contracts.configuration import KernelConfig
from contracts.devices import DeviceNumber
from contracts.ide import BUS_MASTER_PORTS, IDE_REQUESTER, SECTOR_SIZE, TaskFile
from contracts.memory_map import PAGE_SIZE, Port
from contracts.pci import IDE_FUNCTION, Command, ConfigOffset, IdeTiming
from contracts.protections import Protections
from firmware.guests.layout import Disk

__all__: list[str] = []

CONFIG = KernelConfig(slice_cycles=20_000, timer_cycles=20_000)
TAGS = (3, 5)  # of the guests: the high byte of all their words, and which sectors are theirs
SECTOR_CYCLES = 1600  # of a transfer, more than a sector takes
GLANCE = 64  # cycles in which a transfer that moves data makes an access
WATCHED = 700  # cycles, longer than a transfer pauses between two sectors
AFTERWARDS = 12  # exits of the guests while nobody has the disk
FEW, MANY = 8, 120  # hand-overs


@pytest.fixture
def image(tmp_path: Path, rng: random.Random) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(rng.randbytes(SECTORS * SECTOR_SIZE))
    return path


def words_of(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(data) // 4}I", data)


def tagged(data: bytes, tag: int) -> int:
    """How many pairs of neighbouring words are a guest's data: its tag, and numbers that follow each other."""
    words = words_of(data)
    return sum(a >> 24 == tag and b == a + 1 for a, b in zip(words, words[1:], strict=False))


class HandOver:
    """Two guests that use the disk whenever it is theirs (``firmware/guests/disk/taken.c``); it goes from one to the other and back.

    ``moments`` are those at which it was taken: whether it was writing to memory, and whether an access was under way.
    """

    def __init__(self, image: Path, protections: Protections | None = None) -> None:
        commands = [("disk", f"share={tag} patience=400") for tag in TAGS]
        self.above = Above(image, *commands, config=CONFIG, protections=protections)
        self.machine, self.kernel, self.link = self.above.machine, self.above.kernel, self.above.system.link
        self.owner = 0
        self.moments: set[tuple[bool, bool]] = set()

    def until_busy(self, phase: int) -> None:
        """The owner has read what it had written, and is ``phase`` cycles into a long transfer."""
        guest = self.above.guests[self.owner]
        before = len(self.above.lines(guest))
        self.above.run(lambda: not guest.alive or (len(self.above.lines(guest)) > before and self.above.busy))
        assert self.above.lines(guest)[-1].startswith("turn "), self.above.lines(guest)[-1]
        self.machine.model.run(phase, stops=())
        if seen := self.watch(GLANCE):
            last_write, last_is_request = seen[-1]
            self.moments.add((last_write, last_is_request))

    def watch(self, cycles: int) -> list[tuple[bool, bool]]:
        """What the disk does on the bus while nothing else happens: (it writes, True for a request and False for an answer)."""
        model = self.machine.model
        model.record("view")
        model.run(cycles, stops=())
        model.record("view", on=False)
        seen, write = [], False
        at = f"dma[{IDE_REQUESTER}]"
        for view in model.take_records("view"):
            if view[f"{at}.request"]:
                write = bool(view[f"{at}.write"])
                seen.append((write, True))
            if view[f"{at}.answer"]:
                seen.append((write, False))
        return seen

    def registers(self) -> list[int]:
        """The bus master's registers and the task file's, its ports switched on for it; what the drive says after a reset counts as 0."""
        seen = [self.link.io_read(IDE.settings[ConfigOffset.BAR4] + n) for n in range(BUS_MASTER_PORTS)]
        self.link.io_write32(Port.PCI_ADDRESS, IDE_FUNCTION.select(ConfigOffset.IDE_TIMING_PRIMARY))
        self.link.io_write(Port.PCI_DATA + 1, IdeTiming.DECODE >> 8)
        reset = {TaskFile.SECTOR_COUNT: 1, TaskFile.LBA_LOW: 1, TaskFile.LBA_MID: 0, TaskFile.LBA_HIGH: 0, TaskFile.DEVICE: 0}
        seen += [self.link.io_read(Port.IDE_PRIMARY + n) - value for n, value in reset.items()]
        self.link.io_write(Port.PCI_DATA + 1, 0)
        return seen

    def command(self) -> int:
        self.link.io_write32(Port.PCI_ADDRESS, IDE_FUNCTION.select(ConfigOffset.COMMAND))
        return self.link.io_read(Port.PCI_DATA)

    def give(self) -> None:
        self.owner ^= 1
        assert self.kernel.mover.give_device(DeviceNumber.IDE, self.above.guests[self.owner])

    def close(self) -> None:
        self.machine.close()


def hand_overs(image: Path, phases: list[int]) -> set[tuple[bool, bool]]:
    """The disk changes hands once for each phase; the moments that this has hit."""
    original = image.read_bytes()
    run = HandOver(image)
    above = run.above
    for phase in phases:
        run.until_busy(phase)
        old, new = above.guests[run.owner], above.guests[1 - run.owner]
        before = above.memory(new)
        assert run.kernel.mover.take_device(DeviceNumber.IDE)
        taken = bytes(run.machine.model.memory())
        assert not run.watch(WATCHED) and taken == bytes(run.machine.model.memory()), f"DMA after the take, at phase {phase}"
        assert before == above.memory(new), f"the next owner's memory, at phase {phase}"
        for _ in range(AFTERWARDS):  # the guests run on, the old owner tries its ports
            run.kernel.step()
        assert not above.busy and DeviceNumber.IDE not in old.devices
        before = above.memory(new)
        run.give()
        assert not any(run.registers()) and run.command() == Command.IO, f"work is left, at phase {phase}"
        assert not run.watch(WATCHED) and before == above.memory(new), f"DMA after the hand-over, at phase {phase}"
    run.until_busy(0)
    assert not run.kernel.refusals and not run.machine.denials(), "nobody has attacked"
    for tag, guest, other in zip(TAGS, above.guests, reversed(above.guests), strict=True):
        assert guest.alive and tagged(above.memory(guest), tag) and not tagged(above.memory(other), tag)
    run.close()
    contents = image.read_bytes()
    for number in range(SECTORS):
        sector = contents[number * SECTOR_SIZE :][:SECTOR_SIZE]
        tag = number // Disk.SHARE_SECTORS
        mine = tag in TAGS and tagged(sector, tag) == SECTOR_SIZE // 4 - 1
        assert mine or sector == original[number * SECTOR_SIZE :][:SECTOR_SIZE], f"sector {number} is neither whole nor as it was"
    return run.moments


def phases(rng: random.Random, count: int) -> list[int]:
    """Moments spread over two sectors of a transfer, each of them for both guests and both directions."""
    return [(n // 4 * 4 * 2 * SECTOR_CYCLES // count + rng.randrange(8 * SECTOR_CYCLES // count)) for n in range(count)]


@pytest.mark.regress
def test_it_changes_hands_with_transfers_in_flight(image: Path, rng: random.Random) -> None:
    """Nothing reaches memory after the take, nothing of the old owner the new one, and the new one can use it."""
    assert {write for write, _ in hand_overs(image, phases(rng, FEW))} == {True, False}


@pytest.mark.regress
def test_it_changes_hands_at_any_moment(image: Path, rng: random.Random) -> None:
    """At many more moments: accesses under way and none, in both directions."""
    assert len(hand_overs(image, phases(rng, MANY))) == 4


@pytest.mark.regress
def test_without_reset_and_policy_its_transfers_go_on_after_the_take(image: Path) -> None:
    """The control run: the same take, and what is watched there is seen, in both directions. Its next owner finds what is left."""
    run = HandOver(image, Protections.without("device_reset", "dma_policy"))
    went_on = set()
    for _ in range(3):  # the first guest writes the disk, and reads it when it comes by it the second time
        run.until_busy(0)
        guest = run.above.guests[run.owner]
        assert run.kernel.mover.take_device(DeviceNumber.IDE)
        before = run.above.memory(guest)
        seen = run.watch(2 * SECTOR_CYCLES)
        to_memory = any(write for write, _ in seen)
        went_on.add(to_memory)
        assert seen and to_memory == (before != run.above.memory(guest))
        run.give()
        assert any(run.registers()) and run.command() & Command.BUS_MASTER
    assert went_on == {True, False}
    run.close()


def left_in_the_disk(image: Path, protections: Protections) -> bytes:
    """The first guest leaves a transfer in the disk that goes on once somebody lets the disk master the bus: a sector, to where its own
    memory ends and that of the second begins. What lies there after the second guest has used the disk."""
    layout = CONFIG.layout
    border = layout.kernel_base - GUEST_MEMORY
    guests = ("disk", f"park={border:#x}"), ("disk", f"share={TAGS[1]} patience=400")
    with Above(image, *guests, config=CONFIG, protections=protections, first_memory=border) as above:
        first, second = above.guests
        assert second.memory.frame_of(0) == border // PAGE_SIZE
        above.run(says(first, b"parked\n"))
        assert above.busy and above.memory(second)[:SECTOR_SIZE] == bytes(SECTOR_SIZE)
        assert above.kernel.move_device(DeviceNumber.IDE, second.number)
        above.run(says(second, b"turn 0\n"))
        assert second.alive and not above.kernel.refusals
        return above.memory(second)[:SECTOR_SIZE]


def test_a_transfer_that_was_left_in_it_reaches_nobody(image: Path) -> None:
    assert left_in_the_disk(image, Protections()) == bytes(SECTOR_SIZE)


def test_without_the_reset_it_reaches_the_next_owner(image: Path) -> None:
    stolen = image.read_bytes()[Disk.PARK_SECTOR * SECTOR_SIZE :][:SECTOR_SIZE]
    assert left_in_the_disk(image, Protections.without("device_reset")) == stolen
