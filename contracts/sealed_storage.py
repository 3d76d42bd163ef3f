"""Sealed storage as it lies on an untrusted disk and in the TPM: the kernel writes it, tests take it apart, and nobody else reads it.

In sectors of 512 bytes: two indexes (``index_sector``), then cells (``cell_sector``), each of which holds one blob.

An index is a header of 64 bytes in the clear (``Header``), and behind it the entries (``encode``), encrypted and authenticated together
with the header; what follows up to the next index is no part of it. One of the two is in force: which, the TPM says. A cell is the data of
one entry, filled up with zeros, encrypted and authenticated with that entry's own key, which serves once. The cipher is AES-256-GCM.

In the TPM: the root key, sealed (``ROOT_KEY``); how often the store was changed, a counter of 64 bits (``COUNT``); and which epoch's
indexes are good (``ANCHOR``): the HMAC of the epoch under a key that is derived from the root key.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from contracts.ide import SECTOR_SIZE

__all__ = [
    "ANCHOR", "ANCHOR_SIZE", "CELLS", "CELL_SECTORS", "COUNT", "COUNT_SIZE", "HEADER", "IDENTITY_SIZE", "INDEXES", "INDEX_SECTORS",
    "KEY_SIZE", "MAX_DATA", "MAX_ENTRIES", "MAX_READERS", "NAME", "NONCE_SIZE", "ROOT_KEY", "SECTOR", "SECTORS", "SLOTS", "TAG_SIZE",
    "Disk", "Entry", "Header", "StorageError", "cell_sector", "decode", "encode", "index_sector",
]  # fmt: skip

ROOT_KEY = 0x8101_5246  # handles in the TPM, in the ranges that its owner gives out
COUNT = 0x0180_5246
ANCHOR = 0x0180_5247
COUNT_SIZE, ANCHOR_SIZE = 8, 32  # bytes

IDENTITY_SIZE = 32  # bytes of a guest's name
SLOTS = 8  # numbers under which a guest keeps blobs
MAX_READERS = 8  # of a blob
MAX_ENTRIES = 64  # of the store
KEY_SIZE, NONCE_SIZE, TAG_SIZE = 32, 12, 16  # bytes, of AES-256-GCM

SECTOR = SECTOR_SIZE
CELL_SECTORS = 8
CELLS = MAX_ENTRIES + 1  # so that each blob can be replaced before the old one goes
MAX_DATA = CELL_SECTORS * SECTOR - TAG_SIZE  # bytes of a blob: as much as a message holds
INDEXES = 2
NAME = b"ringsea\x01"  # the last byte is the version

HEADER = struct.Struct(f"<{len(NAME)}sQ32s{NONCE_SIZE}sI")
_ENTRY = struct.Struct(f"<{IDENTITY_SIZE}sIIII{KEY_SIZE}s")
INDEX_SECTORS = -(-(HEADER.size + MAX_ENTRIES * (_ENTRY.size + MAX_READERS * IDENTITY_SIZE) + TAG_SIZE) // SECTOR)
SECTORS = INDEXES * INDEX_SECTORS + CELLS * CELL_SECTORS  # of the whole store


class StorageError(Exception):
    """Sealed storage refuses; the message is one line, and nothing secret is in it."""


class Disk(Protocol):
    """Where the store lies; nothing that it answers is believed. It raises StorageError if it cannot do something."""

    def read(self, sector: int, count: int) -> bytes:
        """So many sectors."""

    def write(self, sector: int, data: bytes) -> None:
        """Whole sectors."""

    def flush(self) -> None:
        """Return when all that was written outlasts a loss of power."""


class Header(NamedTuple):
    """What an index begins with."""

    name: bytes  # NAME
    change: int  # what the TPM's counter says when this index is in force
    epoch: bytes  # 32 bytes, drawn each time the store is opened
    nonce: bytes
    size: int  # bytes behind it


@dataclass(frozen=True)
class Entry:
    """One blob: whose, where, how long, by which key, and who may read it."""

    writer: bytes
    slot: int
    cell: int
    length: int
    key: bytes = field(repr=False)
    readers: tuple[bytes, ...]


def index_sector(which: int) -> int:
    """The first sector of an index."""
    return which * INDEX_SECTORS


def cell_sector(cell: int) -> int:
    """The first sector of a cell."""
    return INDEXES * INDEX_SECTORS + cell * CELL_SECTORS


def encode(entries: Iterable[Entry]) -> bytes:
    """Entries one after the other: writer, slot, cell, length, number of readers, key; then the readers. Numbers are little-endian."""
    return b"".join(_ENTRY.pack(e.writer, e.slot, e.cell, e.length, len(e.readers), e.key) + b"".join(e.readers) for e in entries)


def decode(data: bytes) -> tuple[Entry, ...]:
    """The entries of what ``encode`` has written."""
    entries, at = [], 0
    while at < len(data):
        writer, slot, cell, length, count, key = _ENTRY.unpack_from(data, at)
        at += _ENTRY.size
        readers = tuple(data[at + n * IDENTITY_SIZE : at + (n + 1) * IDENTITY_SIZE] for n in range(count))
        at += count * IDENTITY_SIZE
        entries.append(Entry(writer, slot, cell, length, key, readers))
    return tuple(entries)
