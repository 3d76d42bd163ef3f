"""What the driver guest's disk has to be like: a disk, its table, and what each request is answered with. Independent of the C code."""

import random
import struct
from collections.abc import Sequence

from contracts.ide import SECTOR_SIZE
from contracts.memory_map import PAGE_SIZE
from contracts.virtual_disk import MAX_PARTITIONS, PAGE_SECTORS, Answer, Operation, Partition, Request, Status

__all__ = ["ReferenceDisk", "random_partitions", "random_request", "worked"]

WORD = 0xFFFF_FFFF
_HISTORY = 1024  # sectors that the client in C remembers


class ReferenceDisk:
    """Requests of clients, by their partition's number, done one after the other."""

    def __init__(self, image: bytes, partitions: Sequence[Partition]) -> None:
        self.image = bytearray(image)
        self.partitions = partitions

    def bytes_of(self, which: int) -> bytes:
        """A partition's sectors."""
        _, first, sectors = self.partitions[which]
        return bytes(self.image[first * SECTOR_SIZE : (first + sectors) * SECTOR_SIZE])

    def place(self, which: int, request: Request) -> tuple[Status, int]:
        """Whether the request may be done, and for READ and WRITE the sector of the disk at which."""
        _, first, sectors = self.partitions[which]
        operation, _, sector, count, place = request
        if operation in (Operation.SIZE, Operation.FLUSH):
            return (Status.OK if (sector, count, place) == (0, 0, 0) else Status.BAD_REQUEST), 0
        if operation not in (Operation.READ, Operation.WRITE) or not 1 <= count or not place + count <= PAGE_SECTORS:
            return Status.BAD_REQUEST, 0
        if sector + count > sectors:
            return Status.OUT_OF_RANGE, 0
        return Status.OK, first + sector

    def do(self, which: int, request: Request, page: bytearray) -> Answer:
        """Do it, with the client's page."""
        status, at = self.place(which, request)
        if status is Status.OK and request.operation in (Operation.READ, Operation.WRITE):
            here = slice(at * SECTOR_SIZE, (at + request.length) * SECTOR_SIZE)
            there = slice(request.place * SECTOR_SIZE, (request.place + request.length) * SECTOR_SIZE)
            if request.operation == Operation.READ:
                page[there] = self.image[here]
            else:
                self.image[here] = page[there]
        size = self.partitions[which].sectors if status is Status.OK and request.operation == Operation.SIZE else 0
        return Answer(status, request.tag, size)


def random_partitions(rng: random.Random, disk_sectors: int) -> list[Partition]:
    """Some that fit: in any order, with or without gaps between them."""
    cuts = sorted(rng.sample(range(1, disk_sectors + 1), 2 * rng.randrange(1, MAX_PARTITIONS + 1)))
    ends = [(cuts[n], cuts[n + 1]) for n in range(0, len(cuts), 2)]
    for n in range(1, len(ends)):
        if rng.randrange(2):
            ends[n] = (ends[n - 1][1], ends[n][1])
    rng.shuffle(ends)
    return [Partition(rng.randbytes(32), first, end - first) for first, end in ends]


def _near(rng: random.Random, value: int) -> int:
    """A word at or about a limit, or about where words wrap."""
    return (rng.choice((0, 1, value, value, 1 << 31, 1 << 32)) + rng.randrange(-9, 10)) & WORD


def random_request(rng: random.Random, sectors: int) -> Request:
    """Mostly of a kind that might be done; all words at limits too, and anything at all."""
    if not rng.randrange(8):
        return Request(*(rng.getrandbits(32) for _ in range(5)))
    operation = rng.choice((*Operation, Operation.READ, Operation.WRITE, Operation.WRITE, 0, 5, _near(rng, 0)))
    if operation in (Operation.SIZE, Operation.FLUSH) and rng.randrange(4):
        return Request(operation, rng.getrandbits(32))
    place = rng.randrange(PAGE_SECTORS) if rng.randrange(4) else _near(rng, PAGE_SECTORS)
    count = rng.randrange(1, PAGE_SECTORS - place + 1) if place < PAGE_SECTORS and rng.randrange(4) else _near(rng, PAGE_SECTORS)
    sector = rng.randrange(sectors) if rng.randrange(3) else _near(rng, sectors)
    return Request(operation, rng.getrandbits(32), sector, count, place)


def worked(before: bytes, seed: int, requests: int) -> bytes:
    """A partition after the client in C (``role`` of the seed) has done its requests: the same random calls, written anew."""
    after, state, sectors = bytearray(before), seed, min(len(before) // SECTOR_SIZE, _HISTORY)

    def draw(below: int) -> int:
        nonlocal state
        state = (state * 1664525 + 1013904223) & WORD
        return (state >> 8) % below

    for n in range(1, requests + 1):
        kind, sector, count = draw(8), draw(sectors), 1 + draw(20)
        for at in range(sector, min(sector + count, sectors)) if kind < 4 else ():
            words = [(state + n + (at << 8) + w) & WORD for w in range(SECTOR_SIZE // 4)]
            after[at * SECTOR_SIZE : (at + 1) * SECTOR_SIZE] = struct.pack(f"<{len(words)}I", *words)
    return bytes(after)


assert PAGE_SIZE == PAGE_SECTORS * SECTOR_SIZE
