"""What a guest finds where it has nothing: ones that no write changes, whatever was written where."""

import random

from cocotb_tests.isolation_kernel.world import FIRST_MEMORY, LAYOUT, PAGE_TABLES, World, paging_on
from contracts.architecture import Pte
from contracts.memory_map import PAGE_SIZE, Physical
from isolation_kernel.guest_memory import NOWHERE
from isolation_kernel.model.script import Invlpg, Read, Script, SetRing, Write

ONES = 0xFFFF_FFFF
ABSENT = (
    FIRST_MEMORY, Physical.VGA_HOLE, Physical.SCREEN - PAGE_SIZE, Physical.EXTENDED_RAM - PAGE_SIZE, LAYOUT.kernel_base, LAYOUT.size,
    0x2000_1000, 0x3000_0000, Physical.NOWHERE, Physical.GUARD, Physical.DMA_ENGINES, Physical.ROM,
)  # fmt: skip


def test_nothing_keeps_what_is_written(rng: random.Random) -> None:
    """Written first or read first, by all sizes, in any order; the kernel's memory and registers lie there too."""
    seen: set[object] = set()

    def script() -> Script:
        for _ in range(400):
            at = rng.choice(ABSENT) + 4 * rng.randrange(PAGE_SIZE // 4)
            if rng.random() < 0.5:
                yield Write(at, rng.getrandbits(32), rng.choice((1, 2, 4)))
            seen.add((yield Read(at)))
        for at in ABSENT:
            seen.add((yield Read(at)))

    world = World()
    world.guest(script, one_to_one=True)
    hole = slice(Physical.VGA_HOLE, Physical.EXTENDED_RAM)
    before = bytes(world.machine.memory.ram[hole])
    world.run(4000)
    assert seen == {ONES} and world.machine.memory.ram[hole] == before


def test_with_paging_rights_and_bits_are_the_guests_own() -> None:
    """Two linear pages that reach different absent ones; A and D are kept; ring 3 gets what it may."""
    table = PAGE_TABLES + PAGE_SIZE
    seen: list[object] = []

    def script() -> Script:
        yield Write(table + 4 * 50, 0x3000_0000 | Pte.P | Pte.RW | Pte.US)
        yield Write(table + 4 * 51, 0x2000_1000 | Pte.P | Pte.RW)
        yield from paging_on(pages=50)
        seen.append((yield Read(50 * PAGE_SIZE)))
        seen.append((yield Read(table + 4 * 50)))
        yield SetRing(3)
        yield Write(50 * PAGE_SIZE, 5)
        seen.append((yield Read(50 * PAGE_SIZE)))
        yield SetRing(0)
        yield Write(51 * PAGE_SIZE, 6)
        seen.append((yield Read(51 * PAGE_SIZE)))
        yield Invlpg(50 * PAGE_SIZE)
        seen.append((yield Read(50 * PAGE_SIZE)))
        seen.append((yield Read(table + 4 * 50)))

    world = World()
    guest = world.guest(script)
    world.run()
    bits = 0x3000_0000 | Pte.P | Pte.RW | Pte.US | Pte.A
    assert seen == [ONES, bits, ONES, ONES, ONES, bits | Pte.D]
    assert {e.frame for e in guest.shadow.current.entries.values() if e.frame >= LAYOUT.pages} == {NOWHERE}


def test_it_costs_an_exit_a_page_and_no_frame() -> None:
    """A guest that paints a screen it does not have is not held up by every store."""
    left: list[int] = []

    def script() -> Script:
        yield Write(Physical.VGA_HOLE, 0)
        left.append(len(world.kernel.frames.pool))
        for n in range(1000):
            yield Write(Physical.VGA_HOLE + 4 * n, n)
        left.append(len(world.kernel.frames.pool))

    world = World()
    guest = world.guest(script, one_to_one=True)
    world.run()
    assert guest.exits < 20 and left[0] == left[1]
