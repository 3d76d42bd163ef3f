"""A disk that a driver guest shares out: the table of partitions on it, and what its clients ask over their channels.

The table is the disk's first sector, which is in no partition: which guest (by the kernel's name for it) has which sectors. A client shares
a page of its own as the channel's, for data, and sends requests as messages; each is answered by a message with its tag. All words are
32 bits, little-endian. Sectors are counted from the beginning of the client's partition.
"""

import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from contracts.hypercalls import IDENTITY_SIZE
from contracts.ide import SECTOR_SIZE
from contracts.memory_map import PAGE_SIZE

__all__ = [
    "ANSWER_SIZE", "ENTRY_SIZE", "MAX_PARTITIONS", "PAGE_SECTORS", "REQUEST_SIZE", "TABLE_MAGIC", "TABLE_SECTOR", "Answer", "AnswerWord",
    "EntryPart", "Operation", "Partition", "Request", "RequestWord", "Status", "TablePart", "pack_table", "read_table", "table_error",
]  # fmt: skip

TABLE_SECTOR = 0
TABLE_MAGIC = 0x3144_4652  # "RFD1"
PAGE_SECTORS = PAGE_SIZE // SECTOR_SIZE  # of the channel's page, and at most of a request


class TablePart(IntEnum):
    """Byte offsets in the table's sector; what is behind the last entry is 0."""

    MAGIC = 0
    COUNT = 4  # of entries
    ENTRIES = 16


class EntryPart(IntEnum):
    """Byte offsets in an entry."""

    IDENTITY = 0
    FIRST = IDENTITY_SIZE  # sector of the disk
    SECTORS = IDENTITY_SIZE + 4  # at least 1


ENTRY_SIZE = IDENTITY_SIZE + 8
MAX_PARTITIONS = (SECTOR_SIZE - TablePart.ENTRIES) // ENTRY_SIZE


class RequestWord(IntEnum):
    """Byte offsets in a request. What an operation does not use is 0."""

    OPERATION = 0
    TAG = 4  # any number: the answer has it too
    SECTOR = 8
    COUNT = 12  # sectors, 1 to PAGE_SECTORS
    PLACE = 16  # the first sector of the channel's page that is read or written


REQUEST_SIZE = 20


class AnswerWord(IntEnum):
    """Byte offsets in an answer."""

    STATUS = 0
    TAG = 4
    VALUE = 8  # of SIZE: sectors of the partition; else 0


ANSWER_SIZE = 12


class Operation(IntEnum):
    """What a client asks for."""

    SIZE = 1
    READ = 2  # from the disk to the page
    WRITE = 3  # from the page to the disk
    FLUSH = 4  # what was written is on the medium when it is answered


class Status(IntEnum):
    """How a request is answered."""

    OK = 0
    BAD_REQUEST = 1  # not of its length, no operation, or its part of the page is none; nothing was done
    OUT_OF_RANGE = 2  # not in the partition; nothing was done
    NO_PAGE = 3  # the client has shared none; nothing was done
    FAILED = 4  # the disk did not do it: what is in these sectors is not known
    NO_PARTITION = 5  # first and last word: there is none for the client's identity, or another guest of that identity uses it


class Partition(NamedTuple):
    """An entry of the table."""

    identity: bytes
    first: int
    sectors: int


class Request(NamedTuple):
    """What a client asks, as RequestWord; ``length`` is its COUNT."""

    operation: int
    tag: int = 0
    sector: int = 0
    length: int = 0
    place: int = 0

    def pack(self) -> bytes:
        """As it is sent."""
        return struct.pack("<5I", *self)


class Answer(NamedTuple):
    """What it is told, as AnswerWord."""

    status: int
    tag: int = 0
    value: int = 0


def table_error(partitions: Iterable[Partition], disk_sectors: int) -> str:
    """Why these cannot be the partitions of a disk, or nothing."""
    given = list(partitions)
    if len(given) > MAX_PARTITIONS:
        return f"{len(given)} partitions do not fit the table: at most {MAX_PARTITIONS}"
    for n, (identity, first, sectors) in enumerate(given):
        if sectors < 1 or first <= TABLE_SECTOR or first + sectors > disk_sectors:
            asked, there = f"{first} to {first + sectors - 1}", f"{TABLE_SECTOR + 1} to {disk_sectors - 1}"
            return f"partition {n}, sectors {asked}, is not on the disk: it has sectors {there} to give"
        for other, (name, start, length) in enumerate(given[:n]):
            if name == identity:
                return f"partitions {other} and {n} are of one guest: each identity can have one"
            if first < start + length and start < first + sectors:
                return f"partitions {other} and {n} have sectors in common"
    return ""


def pack_table(partitions: Iterable[Partition], disk_sectors: int) -> bytes:
    """The table's sector; ValueError if it cannot be."""
    given = list(partitions)
    if error := table_error(given, disk_sectors):
        raise ValueError(error)
    head = struct.pack("<II", TABLE_MAGIC, len(given)).ljust(TablePart.ENTRIES, b"\0")
    return (head + b"".join(struct.pack(f"<{IDENTITY_SIZE}sII", *p) for p in given)).ljust(SECTOR_SIZE, b"\0")


def read_table(sector: bytes, disk_sectors: int) -> list[Partition]:
    """The partitions; ValueError if that is no table, or one that cannot be."""
    magic, count = struct.unpack_from("<II", sector)
    if magic != TABLE_MAGIC:
        raise ValueError("the disk has no table of partitions")
    if count > MAX_PARTITIONS:
        raise ValueError(f"the table tells of {count} partitions: at most {MAX_PARTITIONS} fit")
    places = (TablePart.ENTRIES + n * ENTRY_SIZE for n in range(count))
    partitions = [Partition(*struct.unpack_from(f"<{IDENTITY_SIZE}sII", sector, at)) for at in places]
    if error := table_error(partitions, disk_sectors):
        raise ValueError(error)
    return partitions
