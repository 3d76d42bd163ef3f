"""Reads a 32-bit multiboot ELF file, such as QEMU's ``-kernel`` takes, and says clearly what is wrong with one that is not."""

import struct
from dataclasses import dataclass
from pathlib import Path

from contracts.memory_map import Physical

__all__ = ["ImageError", "MultibootImage", "Segment", "read_multiboot"]

_EHDR = struct.Struct("<16sHHIIIIIHHHHHH")
_PHDR = struct.Struct("<8I")
_ELF_MAGIC = b"\x7fELF"
_CLASS_32, _LITTLE_ENDIAN, _ET_EXEC, _EM_386, _PT_LOAD = 1, 1, 2, 3, 1
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
    """What to load, and the physical address to start at."""

    path: Path
    entry: int
    segments: tuple[Segment, ...]

    @property
    def end(self) -> int:
        """First byte above the program."""
        return max(s.address + s.size for s in self.segments)


def read_multiboot(path: Path, memory: int) -> MultibootImage:
    """The program in ``path``, which must fit in RAM of ``memory`` bytes. ImageError if it cannot be run."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file") from None
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from None
    try:
        return _parse(path, data, memory)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from None


def _parse(path: Path, data: bytes, memory: int) -> MultibootImage:
    if data[:4] != _ELF_MAGIC:
        raise ImageError("not an ELF file")
    if len(data) < _EHDR.size:
        raise ImageError("truncated: the ELF header is incomplete")
    ident, kind, machine, _, entry, phoff, _, _, _, phentsize, phnum, *_ = _EHDR.unpack_from(data)
    if ident[4] != _CLASS_32 or ident[5] != _LITTLE_ENDIAN or machine != _EM_386:
        raise ImageError("not a 32-bit x86 ELF file")
    if kind != _ET_EXEC:
        raise ImageError("not an executable ELF file")
    _check_header(data)
    if phnum and (phentsize != _PHDR.size or phoff + phnum * phentsize > len(data)):
        raise ImageError("truncated: the program headers are incomplete")
    segments: list[Segment] = []
    start = None
    for number in range(phnum):
        kind, offset, virtual, physical, filesz, memsz, *_ = _PHDR.unpack_from(data, phoff + number * phentsize)
        if kind != _PT_LOAD or memsz == 0:
            continue
        if filesz > memsz:
            raise ImageError(f"segment {number} has more bytes in the file than in memory")
        if offset + filesz > len(data):
            raise ImageError(f"truncated: segment {number} ends beyond the file")
        _check_place(physical, memsz, memory)
        segments.append(Segment(physical, data[offset : offset + filesz], memsz))
        if virtual <= entry < virtual + memsz:
            start = entry - virtual + physical
    if not segments:
        raise ImageError("nothing to load")
    if start is None:
        raise ImageError(f"the entry point {entry:#x} lies in no segment")
    return MultibootImage(path, start, tuple(segments))


def _check_header(data: bytes) -> None:
    head = data[:_SEARCH]
    for at in range(0, len(head) - 11, 4):
        magic, flags, checksum = struct.unpack_from("<III", head, at)
        if magic == _HEADER_MAGIC and (magic + flags + checksum) & 0xFFFF_FFFF == 0:
            break
    else:
        raise ImageError("no multiboot header in its first 8 KiB")
    if flags & _VIDEO:
        raise ImageError("its multiboot header asks for a video mode, and the machine has no screen")
    if flags & _MANDATORY & ~(_ALIGN_MODULES | _MEMORY_INFO):
        raise ImageError(f"its multiboot header has flags that are not known: {flags & _MANDATORY:#x}")


def _check_place(address: int, size: int, memory: int) -> None:
    end = address + size
    where = f"its segment at {address:#x} to {end - 1:#x}"
    if end > memory:
        raise ImageError(f"{where} does not fit in {memory >> 10} KiB of memory")
    if address < Physical.EXTENDED_RAM and end > Physical.VGA_HOLE:
        raise ImageError(f"{where} reaches into the hole at {Physical.VGA_HOLE:#x}")
    if address < _LOADER_AREA:
        raise ImageError(f"{where} lies below {_LOADER_AREA:#x}, where the boot information is")
