"""The layout of sealed storage: what is written is read, everything has its place, and the largest index fits."""

import struct
from random import Random

import pytest

from contracts.sealed_storage import (
    CELL_SECTORS,
    CELLS,
    HEADER,
    IDENTITY_SIZE,
    INDEX_SECTORS,
    INDEXES,
    KEY_SIZE,
    MAX_DATA,
    MAX_ENTRIES,
    MAX_READERS,
    NAME,
    NONCE_SIZE,
    SECTOR,
    SECTORS,
    TAG_SIZE,
    Entry,
    Header,
    cell_sector,
    decode,
    encode,
    index_sector,
)

__all__: list[str] = []


def entry(rng: Random, readers: int) -> Entry:
    names = tuple(rng.randbytes(IDENTITY_SIZE) for _ in range(readers))
    return Entry(
        rng.randbytes(IDENTITY_SIZE), rng.getrandbits(32), rng.getrandbits(32), rng.getrandbits(32), rng.randbytes(KEY_SIZE), names
    )


def test_what_is_written_is_read(rng: Random) -> None:
    for _ in range(100):
        entries = tuple(entry(rng, rng.randrange(MAX_READERS + 1)) for _ in range(rng.randrange(5)))
        assert decode(encode(entries)) == entries


def test_the_bytes_of_an_entry() -> None:
    written = encode([Entry(b"w" * 32, 1, 2, 3, b"k" * 32, (b"a" * 32, b"b" * 32))])
    assert written == b"w" * 32 + struct.pack("<IIII", 1, 2, 3, 2) + b"k" * 32 + b"a" * 32 + b"b" * 32


def test_the_header_has_64_bytes() -> None:
    header = Header(NAME, 5, b"e" * 32, b"n" * NONCE_SIZE, 7)
    assert HEADER.pack(*header) == NAME + struct.pack("<Q", 5) + b"e" * 32 + b"n" * 12 + struct.pack("<I", 7)
    assert HEADER.size == 64 and Header(*HEADER.unpack(HEADER.pack(*header))) == header


def test_the_largest_index_fits_into_its_sectors(rng: Random) -> None:
    largest = HEADER.size + len(encode([entry(rng, MAX_READERS)] * MAX_ENTRIES)) + TAG_SIZE
    assert (INDEX_SECTORS - 1) * SECTOR < largest <= INDEX_SECTORS * SECTOR


def test_no_two_places_are_the_same() -> None:
    taken = [sector for which in range(INDEXES) for sector in range(index_sector(which), index_sector(which) + INDEX_SECTORS)]
    taken += [sector for cell in range(CELLS) for sector in range(cell_sector(cell), cell_sector(cell) + CELL_SECTORS)]
    assert sorted(taken) == list(range(SECTORS))
    assert (index_sector(1), cell_sector(0)) == (43, 86)  # as docs/sealed_storage.md has it
    assert MAX_DATA + TAG_SIZE == CELL_SECTORS * SECTOR and CELLS > MAX_ENTRIES


def test_a_cut_entry_is_an_error(rng: Random) -> None:
    with pytest.raises(struct.error):
        decode(encode([entry(rng, 1)])[:-40])
