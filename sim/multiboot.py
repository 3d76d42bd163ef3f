"""Reads a 32-bit multiboot ELF file, such as QEMU's ``-kernel`` takes, and says clearly what is wrong with one that is not.

Linkers put the file's own headers into the first page below the code, and the build's note where nobody asked for it: where there is no
RAM, such parts are left out. (QEMU writes them wherever they say, into the BIOS's shadow or nowhere.)
"""

import os
import stat
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from contracts.memory_map import PAGE_SIZE, Physical

__all__ = ["ImageError", "MultibootImage", "Segment", "read_multiboot"]

_EHDR = struct.Struct("<16sHHIIIIIHHHHHH")
_PHDR = struct.Struct("<8I")
_ELF_MAGIC = b"\x7fELF"
_CLASS_32, _LITTLE_ENDIAN, _ET_EXEC, _EM_386, _PT_LOAD, _PT_NOTE = 1, 1, 2, 3, 1, 4
_HEADER_MAGIC = 0x1BAD_B002
_SEARCH = 8192  # the header lies in the first 8 KiB, 4-byte aligned
_ALIGN_MODULES, _MEMORY_INFO, _VIDEO, _MANDATORY = 1 << 0, 1 << 1, 1 << 2, 0xFFFF
_LOADER_AREA = 0x1000  # below: the boot block and the multiboot information


class ImageError(Exception):
    """The file cannot be run; the text is one clear line."""


@dataclass(frozen=True)
class Segment:
    """Bytes for a physical address; ``size`` beyond them is zero."""

    address: int
    data: bytes
    size: int


@dataclass(frozen=True)
class MultibootImage:
    """What to load, and the physical address to start at. ``warnings``: what the program asks for and does not get, a line each."""

    path: Path
    entry: int
    segments: tuple[Segment, ...]
    warnings: tuple[str, ...] = ()

    @property
    def end(self) -> int:
        """First byte above the program."""
        return max(s.address + s.size for s in self.segments)


def read_multiboot(path: Path, memory: int) -> MultibootImage:
    """The program in ``path``, which must fit in RAM of ``memory`` bytes. ImageError if it cannot be run.

    Of the file no more is read than its headers and what fits in that RAM, however large it is.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ImageError("not a regular file")
            return _parse(path, _Source(file, status.st_size), memory)
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file") from None
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from None
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from None


def _without_waiting(path: str, flags: int) -> int:
    """Opens a FIFO, too, at once, so that it can be told for what it is."""
    return os.open(path, flags | os.O_NONBLOCK)


@dataclass(frozen=True)
class _Source:
    """A file of ``size`` bytes."""

    file: BinaryIO
    size: int

    def read(self, offset: int, count: int) -> bytes:
        """Bytes that the file has; ImageError if it has lost them meanwhile."""
        self.file.seek(offset)
        data = self.file.read(count)
        if len(data) < count:
            raise ImageError("truncated while it was being read")
        return data


@dataclass(frozen=True)
class _Program:
    """A program header: bytes of the file, and where they go."""

    kind: int
    offset: int
    virtual: int
    physical: int
    filesz: int
    memsz: int


def _parse(path: Path, source: _Source, memory: int) -> MultibootImage:
    head = source.read(0, min(_SEARCH, source.size))
    if head[:4] != _ELF_MAGIC:
        raise ImageError("not an ELF file")
    if len(head) < _EHDR.size:
        raise ImageError("truncated: the ELF header is incomplete")
    ident, kind, machine, _, entry, phoff, _, _, _, phentsize, phnum, *_ = _EHDR.unpack_from(head)
    if ident[4] != _CLASS_32 or ident[5] != _LITTLE_ENDIAN or machine != _EM_386:
        raise ImageError("not a 32-bit x86 ELF file")
    if kind != _ET_EXEC:
        raise ImageError("not an executable ELF file")
    warnings = tuple(_check_header(head))
    size = phnum * _PHDR.size
    if phnum and (phentsize != _PHDR.size or phoff + size > source.size):
        raise ImageError("truncated: the program headers are incomplete")
    programs = [_Program(*fields[:6]) for fields in _PHDR.iter_unpack(source.read(phoff, size))]
    metadata = [(0, _EHDR.size), (phoff, phoff + size), *((p.offset, p.offset + p.filesz) for p in programs if p.kind == _PT_NOTE)]
    pieces: list[_Program] = []
    for number, program in enumerate(programs):
        if program.kind != _PT_LOAD or program.memsz == 0:
            continue
        if program.filesz > program.memsz:
            raise ImageError(f"segment {number} has more bytes in the file than in memory")
        if program.offset + program.filesz > source.size:
            raise ImageError(f"truncated: segment {number} ends beyond the file")
        pieces += _in_ram(program, source, metadata, memory)
    if not pieces:
        raise ImageError("nothing to load")
    _check_apart(pieces)
    start = next((entry - p.virtual + p.physical for p in pieces if p.virtual <= entry < p.virtual + p.memsz), None)
    if start is None:
        raise ImageError(f"the entry point {entry:#x} lies in no segment")
    segments = tuple(Segment(p.physical, source.read(p.offset, p.filesz), p.memsz) for p in pieces)
    return MultibootImage(path, start, segments, warnings)


def _check_header(head: bytes) -> Iterator[str]:
    """Warnings; ImageError if there is no multiboot header, or it asks for what a loader must know and this one does not."""
    for at in range(0, len(head) - 11, 4):
        magic, flags, checksum = struct.unpack_from("<III", head, at)
        if magic == _HEADER_MAGIC and (magic + flags + checksum) & 0xFFFF_FFFF == 0:
            break
    else:
        raise ImageError("no multiboot header in its first 8 KiB")
    if flags & _MANDATORY & ~(_ALIGN_MODULES | _MEMORY_INFO | _VIDEO):
        raise ImageError(f"its multiboot header has flags that are not known: {flags & _MANDATORY:#x}")
    if flags & _VIDEO:
        yield "its multiboot header asks for a video mode, and the machine has no screen"


def _in_ram(program: _Program, source: _Source, metadata: Sequence[tuple[int, int]], memory: int) -> Iterator[_Program]:
    """The parts of a segment that lie in RAM; ImageError unless the others hold nothing but the file's metadata."""
    end = program.physical + program.memsz
    where = f"its segment at {program.physical:#x} to {end - 1:#x}"
    for first, behind, is_ram, trouble in (
        (0, _LOADER_AREA, False, f"lies below {_LOADER_AREA:#x}, where the boot information is"),
        (_LOADER_AREA, min(Physical.VGA_HOLE, memory), True, ""),
        (Physical.VGA_HOLE, Physical.EXTENDED_RAM, False, f"reaches into the hole at {Physical.VGA_HOLE:#x}"),
        (Physical.EXTENDED_RAM, memory, True, ""),
        (memory, end, False, f"does not fit in {memory >> 10} KiB of memory"),
    ):
        skip, count = max(first - program.physical, 0), min(behind, end) - max(first, program.physical)
        if count <= 0:
            continue
        left = max(program.filesz - skip, 0)
        if is_ram:
            yield replace(
                program, offset=program.offset + skip, virtual=program.virtual + skip, physical=program.physical + skip,
                filesz=min(count, left), memsz=count,
            )  # fmt: skip
        elif count > left or not _is_metadata(source, program.offset + skip, count, metadata):
            raise ImageError(f"{where} {trouble}")


def _is_metadata(source: _Source, offset: int, count: int, metadata: Sequence[tuple[int, int]]) -> bool:
    """Whether bytes of the file are nothing but its headers and notes, and less than a page of zeros behind each."""
    at, end = offset, offset + count
    for first, behind in (*sorted(metadata), (end, end)):
        if at == offset and not first <= at < behind:
            continue  # the first byte must be one of them
        gap = min(first, end) - at
        if gap >= PAGE_SIZE or gap > 0 and any(source.read(at, gap)):
            return False
        at = max(at, behind)
        if at >= end:
            return True
    return False


def _check_apart(pieces: Sequence[_Program]) -> None:
    """So that all of them together are no larger than memory."""
    ordered = sorted(pieces, key=lambda p: p.physical)
    for one, other in zip(ordered, ordered[1:], strict=False):
        if one.physical + one.memsz > other.physical:
            raise ImageError(f"its segments at {one.physical:#x} and {other.physical:#x} overlap")
