"""A stale translation lives no longer than a flush that covers it: through global entries, and through what DMA wrote."""

from collections.abc import Callable, Iterator

import pytest

from cocotb_tests.isolation_kernel.attacks.attack import dma
from cocotb_tests.isolation_kernel.world import PAGE_TABLES, World, paging_on
from contracts.architecture import Cr0, Cr4, Pte
from contracts.devices import DeviceNumber
from contracts.dma_engine import DescriptorFlag
from contracts.hypercalls import Hypercall
from contracts.memory_map import PAGE_SIZE, Physical
from isolation_kernel.model.script import Invlpg, Operation, Read, Script, Vmmcall, Write, WriteCr

P, RW, US, G = Pte.P, Pte.RW, Pte.US, Pte.G
LINEAR = 0x40_0000
TABLE = PAGE_TABLES + 2 * PAGE_SIZE  # serves LINEAR
OLD, NEW = 0x20000, 0x21000
ON = Cr0.PG | Cr0.PE | Cr0.WP


def toggles_pge() -> Iterator[Operation]:
    yield WriteCr(4, 0)
    yield WriteCr(4, Cr4.PGE)


def toggles_paging() -> Iterator[Operation]:
    yield WriteCr(0, ON & ~int(Cr0.PG))
    yield WriteCr(0, ON)


def flushes_the_page() -> Iterator[Operation]:
    yield Invlpg(LINEAR)


@pytest.mark.parametrize("flush", (toggles_pge, toggles_paging, flushes_the_page))
@pytest.mark.parametrize("reloads", (1, 3))
def test_a_global_entry_ends_with_a_full_flush(flush: Callable[[], Iterator[Operation]], reloads: int) -> None:
    """It may outlive loads of CR3, however many; all invariants hold meanwhile."""
    seen: list[object] = []

    def script() -> Script:
        yield Write(OLD, 1)
        yield Write(NEW, 2)
        yield Write(PAGE_TABLES + 4 * (LINEAR >> 22), TABLE | P | RW | US)
        yield Write(TABLE, OLD | P | RW | US | G)
        yield WriteCr(4, Cr4.PGE)
        yield from paging_on()
        seen.append((yield Read(LINEAR)))
        yield Write(TABLE, NEW | P | RW | US | G)
        for _ in range(reloads):
            yield WriteCr(3, PAGE_TABLES)
        assert (yield Read(LINEAR)) in (1, 2)
        yield from flush()
        seen.append((yield Read(LINEAR)))

    world = World()
    world.guest(script)
    world.run()
    assert seen == [1, 2]


def test_what_a_device_wrote_before_it_left_is_seen_at_the_next_load_of_cr3() -> None:
    seen: list[object] = []
    word = NEW | int(P | RW)

    def script() -> Script:
        yield Write(OLD, 1)
        yield Write(NEW, 2)
        yield Write(PAGE_TABLES + 4 * (Physical.DMA_ENGINES >> 22), 0x13000 | P | RW)
        yield Write(0x13000 + 4 * (Physical.DMA_ENGINES >> 12 & 0x3FF), Physical.DMA_ENGINES | P | RW)
        yield Write(PAGE_TABLES + 4 * (LINEAR >> 22), TABLE | P | RW)
        yield Write(TABLE, OLD | P | RW)
        yield from paging_on(pages=512)
        seen.append((yield Read(LINEAR)))
        for _ in range(2):
            yield WriteCr(3, PAGE_TABLES)  # the tables are compared, and trusted from now on
        yield from dma([(word, TABLE, 4, DescriptorFlag.FILL | DescriptorFlag.LAST)])
        assert (yield Vmmcall(Hypercall.GIVE_DEVICE, DeviceNumber.DMA0, 2)) == 0
        yield WriteCr(3, PAGE_TABLES)
        seen.append((yield Read(TABLE)))
        seen.append((yield Read(LINEAR)))

    def waits() -> Script:
        while True:
            yield Vmmcall(Hypercall.RECEIVE, 0x8000, 64)

    world = World()
    world.guest(script, one_to_one=True, devices=frozenset({DeviceNumber.DMA0}))
    world.guest(waits)
    world.run()
    assert [value & ~int(Pte.A | Pte.D) for value in seen if isinstance(value, int)] == [1, word, 2]
