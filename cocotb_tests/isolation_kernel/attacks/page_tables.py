"""Attacks on memory by page tables, large pages, CR3, and entries that change while they are read."""

from cocotb_tests.isolation_kernel.attacks.attack import (
    BAD,
    LINEAR,
    SCRATCH,
    TABLE,
    VICTIM_PAGE,
    Judge,
    attack,
    changed,
    mapped,
    shows,
    tries,
    victim,
    waits,
    words,
)
from cocotb_tests.isolation_kernel.world import RW, US, P, World, paging_on
from contracts.architecture import Cr4, Pte
from contracts.memory_map import PAGE_SIZE
from isolation_kernel.model.script import Read, Script, Write, WriteCr
from isolation_kernel.partition import Partition

__all__: list[str] = []


@attack("frame_owner_check")
def maps_a_neighbours_frame_and_writes(world: World) -> Judge:
    _, target = victim(world, waits)

    def script() -> Script:
        yield from mapped(target)
        yield from tries(Write(LINEAR, BAD))

    world.guest(script, one_to_one=True)
    return changed(target)


@attack("frame_owner_check")
def maps_a_neighbours_frame_and_reads(world: World) -> Judge:
    _, target = victim(world)

    def script() -> Script:
        yield from mapped(target)
        seen = yield from tries(Read(LINEAR))
        yield Write(SCRATCH, seen or 0)

    world.guest(script, one_to_one=True)
    return shows()


@attack("frame_owner_check")
def maps_a_neighbour_by_a_large_page(world: World) -> Judge:
    _, target = victim(world)

    def script() -> Script:
        yield from paging_on(pages=512)
        yield WriteCr(4, Cr4.PSE)
        yield Write(0x10000 + 4 * (LINEAR >> 22), (target & ~0x3F_FFFF) | Pte.PS | P | RW | US)
        yield from tries(Write(LINEAR + (target & 0x3F_FFFF), BAD))

    world.guest(script, one_to_one=True)
    return changed(target)


@attack("frame_owner_check")
def reaches_a_neighbour_without_paging(world: World) -> Judge:
    _, target = victim(world)

    def script() -> Script:
        yield from tries(Write(target, BAD))

    world.guest(script, one_to_one=True)
    return changed(target)


@attack("frame_owner_check")
def maps_a_vcpu_block(world: World) -> Judge:
    partition, _ = victim(world)

    def script() -> Script:
        yield from mapped(partition.vcpu.block + PAGE_SIZE)
        yield from tries(Write(LINEAR + 0x800, BAD))

    world.guest(script, one_to_one=True)
    return lambda world: BAD in words(world, partition.vcpu.block + PAGE_SIZE)


@attack("frame_owner_check")
def maps_its_own_shadow_table(world: World) -> Judge:
    own: list[Partition] = []

    def script() -> Script:
        yield from paging_on(pages=512)
        yield Write(TABLE, own[0].shadow.current.directory * PAGE_SIZE | P | RW)
        yield Write(0x10000 + 4 * (LINEAR >> 22), TABLE | P | RW | US)
        yield from tries(Write(LINEAR + 4 * 1023, BAD & ~P))

    own.append(world.guest(script, one_to_one=True))
    return lambda world: BAD & ~P in words(world, own[0].shadow.current.directory * PAGE_SIZE)


@attack("frame_owner_check")
def maps_the_policy_map(world: World) -> Judge:
    def script() -> Script:
        yield from mapped(world.kernel.policy.maps[0])
        yield from tries(Write(LINEAR + 0x80, 0xFFFF_FFFF))

    world.guest(script, one_to_one=True)
    return lambda world: 0xFFFF_FFFF in words(world, world.kernel.policy.maps[0])[0x20:0x21]


@attack("table_owner_check")
def loads_a_cr3_in_a_neighbours_frame(world: World) -> Judge:
    partition, target = victim(world)
    entry = (partition.memory.offset << 12) + VICTIM_PAGE | P | RW | US  # the victim's words look like entries
    world.machine.memory.ram[target : target + PAGE_SIZE] = entry.to_bytes(4, "little") * 1024

    def script() -> Script:
        yield from paging_on(pages=512)
        yield from tries(WriteCr(3, target))
        yield from tries(Read(LINEAR))

    world.guest(script, one_to_one=True)
    return lambda world: any(word != entry for word in words(world, target))


@attack("table_owner_check")
def uses_a_neighbours_frame_as_page_table(world: World) -> Judge:
    _, target = victim(world)
    world.machine.memory.ram[target : target + 4] = (SCRATCH | P | RW | US).to_bytes(4, "little")

    def script() -> Script:
        yield from paging_on(pages=512)
        yield Write(0x10000 + 4 * (LINEAR >> 22), target | P | RW | US)
        yield from tries(Read(LINEAR))

    world.guest(script, one_to_one=True)
    return lambda world: words(world, target, 1)[0] != SCRATCH | P | RW | US


@attack("cr3_intercept")
def loads_a_cr3_behind_the_kernels_back(world: World) -> Judge:
    _, target = victim(world)

    def script() -> Script:
        yield from paging_on(pages=512)
        yield Write(TABLE, target | P | RW | US)
        yield Write(0x10000 + 4 * (LINEAR >> 22), TABLE | P | RW | US)
        yield WriteCr(3, 0x10000)
        yield from tries(Write(LINEAR, BAD))

    world.guest(script, one_to_one=True)
    return changed(target)


@attack("single_fetch")
def changes_an_entry_while_it_is_read(world: World) -> Judge:
    _, target = victim(world)
    reads: list[int] = []

    def by_dma(address: int) -> None:  # as a DMA engine that writes into the page table all the time would
        if address == TABLE:
            reads.append(address)
            world.machine.memory.write32(TABLE, target | P | RW | US)

    def script() -> Script:
        yield from mapped(SCRATCH, P | RW | US | Pte.A | Pte.D)
        world.machine.on_read = by_dma
        yield from tries(Write(LINEAR, BAD))

    world.guest(script, one_to_one=True)
    return changed(target)
