"""Multiboot files: how much of one is read, and where its segments may lie."""

import os
import resource
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from cocotb_tests.sim.test_multiboot import CODE, HEADER
from sim.multiboot import ImageError, read_multiboot

__all__: list[str] = []

MEMORY = 2 << 20
PAGE = 0x1000
CODE_AT = 0x1000  # offset in the file
EHDR, PHDR = 52, 32
LOAD, NOTE = 1, 4
HOLE, EXTENDED = 0xA_0000, 0x10_0000
PROGRAM = (LOAD, CODE_AT, EXTENDED, len(CODE))

Program = tuple[int, int, int, int]  # type, offset, address, size


def elf(programs: Sequence[Program], content: Mapping[int, bytes], *, memsz: int = 0, phoff: int = EHDR) -> bytes:
    """A file whose entry is behind the header at ``EXTENDED``. ``memsz`` is the first segment's size in memory, if not its size."""
    ident = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    out = bytearray(
        struct.pack("<16sHHIIIIIHHHHHH", ident, 2, 3, 1, EXTENDED + len(HEADER), phoff, 0, 0, EHDR, PHDR, len(programs), 0, 0, 0)
    )
    headers = b"".join(
        struct.pack("<8I", kind, offset, address, address, size, memsz if memsz and n == 0 else size, 5, PAGE)
        for n, (kind, offset, address, size) in enumerate(programs)
    )
    for at, data in {phoff: headers, CODE_AT: CODE, **content}.items():
        out = out.ljust(at + len(data), b"\0")
        out[at : at + len(data)] = data
    return bytes(out)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "program.elf"


# of a huge file only what is needed is read


@pytest.fixture
def little_memory() -> Iterator[None]:
    """What the process has, and 256 MiB."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    old = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20), old[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, old)


@pytest.mark.usefixtures("little_memory")
def test_a_huge_file(path: Path) -> None:
    path.touch()
    os.truncate(path, 200 << 30)
    with pytest.raises(ImageError, match="not an ELF file"):
        read_multiboot(path, MEMORY)
    path.write_bytes(elf([PROGRAM], {}))
    os.truncate(path, 200 << 30)
    assert [s.data for s in read_multiboot(path, MEMORY).segments] == [CODE]


@pytest.mark.usefixtures("little_memory")
def test_segments_in_the_same_place(path: Path) -> None:
    """A thousand times the same megabyte."""
    at = 0x10000
    path.write_bytes(elf([PROGRAM, *[(LOAD, at, EXTENDED + PAGE, PAGE << 7)] * 1000], {at: bytes(PAGE << 7)}, phoff=0x2000))
    with pytest.raises(ImageError, match="its segments at 0x101000 and 0x101000 overlap"):
        read_multiboot(path, MEMORY)


# where there is no RAM, nothing but the file's own headers may be left out


def loaded(path: Path, programs: Sequence[Program], content: Mapping[int, bytes] | None = None, **more: int) -> list[tuple[int, bytes]]:
    path.write_bytes(elf(programs, content or {}, **more))
    return [(s.address, s.data) for s in read_multiboot(path, MEMORY).segments]


@pytest.mark.parametrize("place", (0, HOLE, EXTENDED - PAGE, MEMORY, 0x0804_8000))
def test_headers_without_ram_are_left_out(path: Path, place: int) -> None:
    headers = EHDR + 2 * PHDR
    assert loaded(path, [(LOAD, 0, place, headers), PROGRAM]) == [(EXTENDED, CODE)]
    assert loaded(path, [(LOAD, 0, place, headers + 8), PROGRAM]) == [(EXTENDED, CODE)], "zeros behind them"
    with pytest.raises(ImageError, match=f"its segment at {place:#x}"):
        loaded(path, [(LOAD, 0, place, headers + 8), PROGRAM], {headers + 4: b"\1"})
    with pytest.raises(ImageError, match=f"its segment at {place:#x}"):
        loaded(path, [(LOAD, 0, place, headers), PROGRAM], memsz=headers + 4)


def test_headers_in_ram_are_loaded(path: Path) -> None:
    size = EHDR + 2 * PHDR
    segments = loaded(path, [(LOAD, 0, 0x9_F000, size), PROGRAM])
    assert segments == [(0x9_F000, path.read_bytes()[:size]), (EXTENDED, CODE)]


def test_one_segment_of_headers_and_code(path: Path) -> None:
    """As ``ld -z noseparate-code`` makes it."""
    assert loaded(path, [(LOAD, 0, EXTENDED - CODE_AT, CODE_AT + len(CODE))]) == [(EXTENDED, CODE)]
    with pytest.raises(ImageError, match="reaches into the hole at 0xa0000"):
        loaded(path, [(LOAD, 0, EXTENDED - CODE_AT, CODE_AT + len(CODE))], {CODE_AT - 1: b"\1"})


def test_notes_without_ram_are_left_out(path: Path) -> None:
    at, note = 0x2000, b"note" * 9
    place = (LOAD, at, 0x0804_8114, len(note))
    assert loaded(path, [place, (NOTE, at, 0, len(note)), PROGRAM], {at: note}) == [(EXTENDED, CODE)]
    for part in ((NOTE, at, 0, len(note) - 4), (NOTE, at + 4, 0, len(note))):
        with pytest.raises(ImageError, match="does not fit in 2048 KiB"):
            loaded(path, [place, part, PROGRAM], {at: note})


def test_zeros_alone_are_no_metadata(path: Path) -> None:
    with pytest.raises(ImageError, match="reaches into the hole"):
        loaded(path, [(LOAD, 0x2000, HOLE, 64), PROGRAM], {0x2000: bytes(64)})


def test_the_entry_must_be_loaded(path: Path) -> None:
    path.write_bytes(elf([(LOAD, 0, EXTENDED + 0xC, EHDR + PHDR)], {}))
    assert read_multiboot(path, MEMORY).entry == EXTENDED + 0xC
    content = elf([(LOAD, 0, HOLE, EHDR + PHDR * 2), PROGRAM], {})
    path.write_bytes(content[:24] + struct.pack("<I", HOLE) + content[28:])
    with pytest.raises(ImageError, match="the entry point 0xa0000 lies in no segment"):
        read_multiboot(path, MEMORY)


@pytest.mark.parametrize("flags", ((), ("-Wl,-z,noseparate-code",), ("-Wl,--build-id=none",), ("-Wl,-n",)), ids=" ".join)
def test_what_gcc_links_without_a_script(tmp_path: Path, flags: tuple[str, ...]) -> None:
    """Code, constants, data and zeros; its headers below 1 MiB and its note at 128 MiB are left out."""
    source, program = tmp_path / "plain.c", tmp_path / "plain"
    source.write_text(
        'asm(".text; .long 0x1BADB002, 0, -0x1BADB002");\n'
        'const char text[] = "hello"; int data = 3; int zeros[100];\n'
        "int _start(void) { return text[data] + zeros[data]; }\n"
    )
    gcc = ["gcc", "-m32", "-nostdlib", "-static", "-no-pie", "-fno-pic", "-Wl,-Ttext=0x100000", *flags, "-o", str(program), str(source)]
    subprocess.run(gcc, check=True, capture_output=True)
    image = read_multiboot(program, 32 << 20)
    assert image.segments[0].address >= EXTENDED and image.entry == EXTENDED + len(HEADER)
    whole = b"".join(s.data.ljust(s.size, b"\0") for s in image.segments)
    assert whole.startswith(HEADER) and b"hello\0" in whole and (3).to_bytes(4, "little") in whole
