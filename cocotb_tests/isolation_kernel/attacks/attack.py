"""Attacks by scripts of ring 0 on the model machine, each with the protection that it aims at.

An attack builds its guests in a world and returns a judge, which looks at the machine afterwards and says whether the attack succeeded;
it does not know which protections are on.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

from cocotb_tests.isolation_kernel.world import RW, US, P, World, paging_on
from contracts.configuration import Right
from contracts.dma_engine import DMA_ENGINE
from contracts.hypercalls import Hypercall
from contracts.memory_map import PAGE_SIZE, Physical
from isolation_kernel.model.memory import Straps
from isolation_kernel.model.script import GuestException, Operation, Read, Script, Vmmcall, Write
from isolation_kernel.partition import Partition

__all__ = [
    "ATTACKS", "BAD", "ENGINE", "LINEAR", "NO_RIGHTS", "SCRATCH", "SECRET", "TABLE", "VICTIM_PAGE", "Attack", "Judge", "attack", "changed",
    "dma", "mapped", "shows", "tries", "victim", "waits", "words",
]  # fmt: skip

SECRET = 0x5EC2_E75E
BAD = 0xBADB_ADBA
VICTIM_PAGE = 0x20000  # where the victim keeps its secrets
SCRATCH = 0x0018_0000  # attacker's memory
LINEAR = 0x0080_0000  # directory entry 2, free in the attacker's tables
TABLE = 0x0005_0000  # the attacker's page table for it
ENGINE = Physical.DMA_ENGINES
NO_RIGHTS: frozenset[Right] = frozenset()

Judge = Callable[[World], bool]


@dataclass(frozen=True)
class Attack:
    """``build`` makes the guests; ``protection`` is the kernel's switch without which the attack succeeds."""

    name: str
    protection: str
    build: Callable[[World], Judge]
    straps: Straps = Straps()


ATTACKS: list[Attack] = []


def attack(protection: str, straps: Straps | None = None) -> Callable[[Callable[[World], Judge]], Callable[[World], Judge]]:
    """Register an attack under its function's name."""

    def register(build: Callable[[World], Judge]) -> Callable[[World], Judge]:
        ATTACKS.append(Attack(build.__name__, protection, build, straps or Straps()))
        return build

    return register


# the victim: waits for messages, and keeps a page of secrets whose words could also be page-table entries


def waits() -> Script:
    """Never gets a message."""
    while True:
        yield Vmmcall(Hypercall.RECEIVE, 0x8000, 64)


def victim(world: World, script: Callable[[], Script] = waits, **more: object) -> tuple[Partition, int]:
    """A guest with a page full of SECRET; the machine address of that page."""
    page = SECRET.to_bytes(4, "little") * (PAGE_SIZE // 4)
    partition = world.guest(script, segments=((VICTIM_PAGE, page),), **more)  # type: ignore[arg-type]
    return partition, (partition.memory.offset << 12) + VICTIM_PAGE


def words(world: World, address: int, count: int = PAGE_SIZE // 4) -> list[int]:
    """Machine memory."""
    return [world.machine.memory.read32(address + 4 * n) for n in range(count)]


def changed(address: int) -> Judge:
    """The victim's page is no longer what it was."""
    return lambda world: any(word != SECRET for word in words(world, address))


def shows(address: int = SCRATCH) -> Judge:
    """The secret lies where the attacker puts what it finds."""
    return lambda world: SECRET in words(world, address, 8)


def tries(operation: Operation) -> Generator[Operation, Any, Any]:
    """An operation that may fault; the result is that of the operation, or None."""
    try:
        return (yield operation)
    except GuestException:
        return None


def mapped(frame: int, bits: int = P | RW | US) -> Iterator[Operation]:
    """Paging on, and LINEAR mapped to ``frame``."""
    yield from paging_on(pages=512)
    yield Write(TABLE, frame | bits)
    yield Write(0x10000 + 4 * (LINEAR >> 22), TABLE | P | RW | US)


def dma(descriptors: list[tuple[int, int, int, int]], engine: int = ENGINE, wait: bool = True) -> Iterator[Operation]:
    """Run a chain (source, destination, length, flags) whose descriptors lie at 40000h."""
    for n, descriptor in enumerate(descriptors):
        for w, word in enumerate(descriptor):
            yield Write(0x40000 + 16 * n + 4 * w, word)
    yield Write(engine + DMA_ENGINE["DESCRIPTOR"].offset, 0x40000)
    yield Write(engine + DMA_ENGINE["CONTROL"].offset, 1)
    if wait:
        for _ in range(200):
            status: int = yield Read(engine + DMA_ENGINE["STATUS"].offset)  # type: ignore[assignment]
            if not status & 1:
                break
