"""A multiboot ELF written from pieces of memory: what QEMU's ``-kernel`` and ``ringfence run`` load."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Piece", "write_elf"]

_EHDR = struct.Struct("<16sHHIIIIIHHHHHH")
_PHDR = struct.Struct("<8I")
_IDENT = b"\x7fELF\x01\x01\x01" + bytes(9)
_ET_EXEC, _EM_386, _PT_LOAD, _RWX = 2, 3, 1, 7


@dataclass(frozen=True)
class Piece:
    """Bytes at a physical address; ``size`` beyond them is zero."""

    address: int
    data: bytes
    size: int = 0


def write_elf(entry: int, pieces: Sequence[Piece]) -> bytes:
    """The file: one loadable segment a piece, the one with the entry (and the multiboot header) first; ValueError if two overlap."""
    ordered = sorted(pieces, key=lambda p: p.address)
    for low, high in zip(ordered, ordered[1:], strict=False):
        if low.address + max(low.size, len(low.data)) > high.address:
            raise ValueError(f"pieces at {low.address:#x} and {high.address:#x} overlap")
    ordered.sort(key=lambda p: not p.address <= entry < p.address + len(p.data))
    header_size = _EHDR.size + _PHDR.size * len(ordered)
    offset = -(-header_size // 16) * 16
    headers, body = [], bytearray()
    for p in ordered:
        headers.append(_PHDR.pack(_PT_LOAD, offset + len(body), p.address, p.address, len(p.data), max(p.size, len(p.data)), _RWX, 1))
        body += p.data
    ehdr = _EHDR.pack(_IDENT, _ET_EXEC, _EM_386, 1, entry, _EHDR.size, 0, 0, _EHDR.size, _PHDR.size, len(ordered), 0, 0, 0)
    return (ehdr + b"".join(headers)).ljust(offset, b"\0") + bytes(body)
