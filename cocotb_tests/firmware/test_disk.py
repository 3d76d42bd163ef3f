"""The disk program: on QEMU's PIIX3, on the machine, and above the isolation kernel, from one binary."""

import random
import struct
from pathlib import Path

import pytest

from cocotb_tests.firmware.disk_system import LIMIT, SECTORS, Above, copy, says
from cocotb_tests.firmware.qemu import run as run_on_qemu
from contracts.ide import SECTOR_SIZE
from contracts.memory_map import PAGE_SIZE
from contracts.protections import Protections
from firmware import build
from firmware.guests.layout import SECRET_WORDS
from sim.machine import DEFAULT_MEMORY, Ending, Machine
from sim.multiboot import read_multiboot

PLACEHOLDER = b"0x00000001"  # for an address
SECRET = b"".join(word.to_bytes(4, "little") for word in SECRET_WORDS)
WORD = 0xFFFF_FFFF


@pytest.fixture
def image(tmp_path: Path, rng: random.Random) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(rng.randbytes(SECTORS * SECTOR_SIZE))
    return path


def filled(size: int, seed: int) -> bytes:
    """``size`` bytes as the program's ``fill`` makes them."""
    words = []
    for _ in range(size // 4):
        seed = (seed * 1664525 + 1013904223) & WORD
        words.append(seed)
    return struct.pack(f"<{len(words)}I", *words)


def written(before: bytes) -> bytes:
    """What the disk must hold after the program: four sectors of one region; eight gathered from pieces of these lengths with 64 bytes
    between them; four across 64 KiB; ten in blocks; and the longest command, each of whose sectors begins with 16 bytes of its own."""
    source, gathered = filled(0x4000, 2), b""
    at = 0
    for length in (2, 510, 1030, 6, 1524, 1024):
        gathered += source[at : at + length]
        at += length + 64
    after = bytearray(before)
    for sector, data in (
        (8, filled(4 * SECTOR_SIZE, 1)), (100, gathered), (17, filled(4 * SECTOR_SIZE, 3)), (60, filled(10 * SECTOR_SIZE, 300)),
        (200, b"".join(filled(16, 4 + n).ljust(SECTOR_SIZE, b"\0") for n in range(256))),
    ):  # fmt: skip
        after[sector * SECTOR_SIZE : sector * SECTOR_SIZE + len(data)] = data
    return bytes(after)


def on_qemu(image: Path, command_line: str = "") -> list[str]:
    """What it says there."""
    outcome = run_on_qemu(build.guest("disk"), command_line, extra=["-drive", f"file={image},if=ide,format=raw"])
    assert outcome.status == 0, outcome.text
    return outcome.lines


def natively(image: Path, command_line: str = "") -> list[str]:
    with Machine(disk=image) as machine:
        machine.load_multiboot(read_multiboot(build.guest("disk"), DEFAULT_MEMORY), command_line)
        outcome = machine.run(LIMIT)
        assert outcome.ending is Ending.EXIT
        machine.drain()
        return machine.outputs["com1"].decode().splitlines()


def test_it_says_and_writes_the_same_everywhere(image: Path) -> None:
    """On QEMU, natively, and above the kernel: the same lines, and afterwards the sectors that the program was to write, and no others."""
    images = [copy(image, name) for name in ("qemu", "native", "guest")]
    want = on_qemu(images[0])
    assert want[0] == f"disk: {SECTORS} sectors" and want[-1] == "disk: done, by interrupt"
    assert natively(images[1]) == want
    with Above(images[2], ("disk", "")) as above:
        above.run(says(above.guests[0], b"disk: done, by interrupt\n"))
        assert above.lines(above.guests[0]) == want
    assert [path.read_bytes() == written(image.read_bytes()) for path in images] == [True] * 3


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
