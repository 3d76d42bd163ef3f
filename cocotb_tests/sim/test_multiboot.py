"""Multiboot files: what is loaded of a good one, and one clear line for each way of being bad."""

import os
import struct
from pathlib import Path

import pytest

from sim.multiboot import ImageError, read_multiboot

__all__: list[str] = []

MEMORY = 2 << 20
HEADER = struct.pack("<III", 0x1BADB002, 0, -0x1BADB002 & 0xFFFFFFFF)
CODE = HEADER + b"\xf4" * 100


def elf(
    code: bytes = CODE,
    *,
    address: int = 0x10_0000,
    virtual: int | None = None,
    entry: int | None = None,
    memsz: int | None = None,
    **change: int,
) -> bytes:
    """A file with one segment; ``change`` replaces fields of its headers."""
    virtual = address if virtual is None else virtual
    offset = change.get("offset", 0x60)
    ident = b"\x7fELF" + bytes([change.get("bits", 1), 1, 1]) + bytes(9)
    header = struct.pack(
        "<16sHHIIIIIHHHHHH", ident, change.get("kind", 2), change.get("machine", 3), 1, virtual + 12 if entry is None else entry,
        change.get("phoff", 52), 0, 0, 52, 32, change.get("phnum", 1), 0, 0, 0,
    )  # fmt: skip
    program = struct.pack(
        "<8I", change.get("type", 1), offset, virtual, address, change.get("filesz", len(code)), len(code) if memsz is None else memsz, 7, 4
    )  # fmt: skip
    return (header + program).ljust(0x60, b"\0") + code


def test_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "good.elf"
    path.write_bytes(elf(memsz=0x1000))
    image = read_multiboot(path, MEMORY)
    assert image.entry == 0x10_000C
    assert [(s.address, s.data, s.size) for s in image.segments] == [(0x10_0000, CODE, 0x1000)]
    assert image.end == 0x10_1000


def test_entry_is_physical(tmp_path: Path) -> None:
    path = tmp_path / "high.elf"
    path.write_bytes(elf(virtual=0xC010_0000))
    assert read_multiboot(path, MEMORY).entry == 0x10_000C


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an ELF file"),
        (b"#!/bin/sh\n", "not an ELF file"),
        (elf()[:30], "truncated: the ELF header"),
        (elf()[:-1], "truncated: segment 0"),
        (elf(phnum=200), "truncated: the program headers"),
        (elf(bits=2), "not a 32-bit x86 ELF file"),
        (elf(machine=40), "not a 32-bit x86 ELF file"),
        (elf(kind=1), "not an executable"),
        (elf(b"\xf4" * 64), "no multiboot header"),
        (elf(struct.pack("<III", 0x1BADB002, 8, -0x1BADB00A & 0xFFFFFFFF)), "not known: 0x8"),
        (elf(struct.pack("<III", 0x1BADB002, 0, 0)), "no multiboot header"),
        (elf(memsz=4), "more bytes in the file"),
        (elf(memsz=2 << 20), "does not fit in 2048 KiB"),
        (elf(address=0xFFFF_F000), "does not fit in 2048 KiB"),
        (elf(address=0x9_FFF0), "reaches into the hole"),
        (elf(address=0x600), "lies below 0x1000"),
        (elf(entry=0x20), "lies in no segment"),
        (elf(type=2), "nothing to load"),
    ],
)
def test_a_bad_file_is_one_clear_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.elf"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=message) as error:
        read_multiboot(path, MEMORY)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(str(path))


def test_no_file_and_no_regular_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such file"):
        read_multiboot(tmp_path / "missing", MEMORY)
    with pytest.raises(ImageError, match="directory"):
        read_multiboot(tmp_path, MEMORY)
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/zero")):
        with pytest.raises(ImageError, match="not a regular file"):
            read_multiboot(path, MEMORY)


def test_a_video_mode_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "video.elf"
    path.write_bytes(elf(struct.pack("<III", 0x1BADB002, 4, -0x1BADB006 & 0xFFFFFFFF) + CODE))
    assert ["video mode" in warning for warning in read_multiboot(path, MEMORY).warnings] == [True]
    path.write_bytes(elf())
    assert not read_multiboot(path, MEMORY).warnings
