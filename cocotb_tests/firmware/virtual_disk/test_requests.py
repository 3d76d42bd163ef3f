"""The driver guest's checks, compiled for this computer, against the reference: random tables, and random requests of several clients."""

import random
import struct
from pathlib import Path

import pytest

from cocotb_tests.firmware.virtual_disk.native import NativeChecks
from cocotb_tests.firmware.virtual_disk.reference import ReferenceDisk, random_partitions, random_request
from contracts.ide import SECTOR_SIZE
from contracts.memory_map import PAGE_SIZE
from contracts.virtual_disk import (
    ENTRY_SIZE,
    MAX_PARTITIONS,
    PAGE_SECTORS,
    Operation,
    Partition,
    Request,
    Status,
    TablePart,
    pack_table,
    read_table,
)

__all__: list[str] = []

DISK_SECTORS = 600
RUNS = 10
REQUESTS = 2000  # of each run
TABLES = 1500
WORD = 0xFFFF_FFFF

# One check left out each. Of each, what shows that a request must be refused.
LEFT_OUT = {
    "the sum wraps": {
        "request->sector >= partition->sectors || request->count > partition->sectors - request->sector":
        "request->sector + request->count > partition->sectors",
    },
    "the end is not looked at": {" || request->count > partition->sectors - request->sector": ""},
    "the beginning is not looked at": {"request->sector >= partition->sectors || ": ""},
    "the page is not looked at": {" || request->place > VDISK_PAGE_SECTORS - request->count": ""},
    "the page's sum wraps": {
        "request->place > VDISK_PAGE_SECTORS - request->count": "request->place + request->count > VDISK_PAGE_SECTORS",
    },
    "any count": {"!request->count || request->count > VDISK_PAGE_SECTORS || ": ""},
}  # fmt: skip
TABLE_LEFT_OUT = {
    "overlaps": {"return a->first < b->first ? b->first - a->first >= a->sectors : a->first - b->first >= b->sectors;": "return 1;"},
    "one guest twice": {"if (memcmp(a->identity, b->identity, IDENTITY_SIZE) == 0)\n        return 0;\n": ""},
    "the end wraps": {"p->first >= disk_sectors || p->sectors > disk_sectors - p->first": "p->first + p->sectors > disk_sectors"},
    "the table itself is given away": {"p->first <= VDISK_TABLE_SECTOR || ": ""},
    "empty": {"!p->sectors || ": ""},
}


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> NativeChecks:
    return NativeChecks(tmp_path_factory.mktemp("native"))


def disagreement(checks: NativeChecks, rng: random.Random) -> str:
    """Requests of the clients of one disk, done as the C code says where, on a disk beside the reference's; what differs first, if any.

    What the C code lets through that the reference does not is told before it is done.
    """
    partitions = random_partitions(rng, DISK_SECTORS)
    reference = ReferenceDisk(rng.randbytes(DISK_SECTORS * SECTOR_SIZE), partitions)
    image = bytearray(reference.image)
    pages = [bytearray(rng.randbytes(PAGE_SIZE)) for _ in partitions]
    for _ in range(REQUESTS):
        which = rng.randrange(len(partitions))
        request = random_request(rng, partitions[which].sectors)
        if checks.check(request, partitions[which]) != reference.place(which, request):
            return f"{request} of {partitions[which]}: {checks.check(request, partitions[which])}"
        status, at = checks.check(request, partitions[which])
        before = bytes(pages[which])
        answer = reference.do(which, request, pages[which])
        assert answer.status == status
        here = slice(at * SECTOR_SIZE, (at + request.length) * SECTOR_SIZE)
        there = slice(request.place * SECTOR_SIZE, (request.place + request.length) * SECTOR_SIZE)
        if status == Status.OK and request.operation == Operation.WRITE:
            image[here] = before[there]
        elif status == Status.OK and request.operation == Operation.READ:
            assert pages[which][there] == image[here]
        if not rng.randrange(4):
            pages[which][:] = rng.randbytes(PAGE_SIZE)
    return "" if image == reference.image else "the disk differs"


def test_requests_are_the_references(checks: NativeChecks, rng: random.Random) -> None:
    assert [disagreement(checks, rng) for _ in range(RUNS)] == [""] * RUNS


def test_all_answers_come(checks: NativeChecks, rng: random.Random) -> None:
    """The random requests are not all refused, and not for one reason."""
    partition = Partition(bytes(32), 5, 48)
    found = [checks.check(random_request(rng, partition.sectors), partition)[0] for _ in range(REQUESTS)]
    assert all(found.count(status) > REQUESTS // 20 for status in (Status.OK, Status.BAD_REQUEST, Status.OUT_OF_RANGE))


@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_check_that_is_left_out_is_found(name: str, tmp_path: Path, rng: random.Random) -> None:
    """The control runs."""
    weak = NativeChecks(tmp_path, LEFT_OUT[name])
    assert any(disagreement(weak, rng) for _ in range(RUNS))


def test_the_limits_exactly(checks: NativeChecks) -> None:
    partition = Partition(bytes(32), 100, 20)
    for count in range(PAGE_SECTORS + 2):
        for sector in (0, 20 - count, 21 - count & WORD, 19, 20, WORD, WORD - count + 1 & WORD):
            for place in (0, PAGE_SECTORS - count & WORD, PAGE_SECTORS - count + 1 & WORD, WORD, WORD - count + 1 & WORD):
                request = Request(Operation.WRITE, 0, sector, count, place)
                assert checks.check(request, partition) == ReferenceDisk(b"", [partition]).place(0, request), request


def random_table(rng: random.Random) -> tuple[bytes, int]:
    """A table's sector, mostly with something wrong with it, and the disk's sectors."""
    partitions = random_partitions(rng, DISK_SECTORS)
    sector = bytearray(pack_table(partitions, DISK_SECTORS))
    kind = rng.randrange(4)
    at = TablePart.ENTRIES + rng.randrange(len(partitions)) * ENTRY_SIZE
    if kind == 1:  # a number of an entry, at some limit
        value = (rng.choice((0, 1, DISK_SECTORS, 1 << 31, 1 << 32)) + rng.randrange(-3, 4)) & WORD
        struct.pack_into("<I", sector, at + rng.choice((32, 36)), value)
    elif kind == 2:  # another's name, or sectors, or both
        other = TablePart.ENTRIES + rng.randrange(len(partitions)) * ENTRY_SIZE
        cut = slice(*rng.choice(((0, 32), (32, 40), (0, 40))))
        sector[at:][cut], sector[at + cut.start : at + cut.stop] = b"", sector[other + cut.start : other + cut.stop]
    elif kind == 3:
        sector[rng.randrange(8)] ^= 1 << rng.randrange(8)
        if rng.randrange(2):
            struct.pack_into("<I", sector, TablePart.COUNT, rng.choice((0, MAX_PARTITIONS, MAX_PARTITIONS + 1, WORD, 1 << 31)))
    return bytes(sector), rng.choice((DISK_SECTORS, DISK_SECTORS, rng.randrange(DISK_SECTORS), 0, 1))


def expected(sector: bytes, disk_sectors: int) -> list[Partition] | None:
    try:
        return read_table(sector, disk_sectors)
    except ValueError:
        return None


def test_tables_are_the_contracts(checks: NativeChecks, rng: random.Random) -> None:
    """And an identity finds its own partition."""
    read = 0
    for _ in range(TABLES):
        sector, disk_sectors = random_table(rng)
        want = expected(sector, disk_sectors)
        assert checks.read_table(sector, disk_sectors) == want
        for n, partition in enumerate(want or ()):
            assert checks.find(want or [], partition.identity) == n
        if want:
            read += 1
            assert checks.find(want, rng.randbytes(32)) is None
    assert TABLES // 10 < read < TABLES


@pytest.mark.parametrize("name", TABLE_LEFT_OUT)
def test_a_check_of_tables_that_is_left_out_is_found(name: str, tmp_path: Path, rng: random.Random) -> None:
    weak = NativeChecks(tmp_path, TABLE_LEFT_OUT[name])
    tables = (random_table(rng) for _ in range(TABLES))
    assert any(weak.read_table(*table) != expected(*table) for table in tables)
