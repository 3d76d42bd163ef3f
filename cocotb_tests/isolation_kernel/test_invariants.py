"""Each invariant holds after boot, and is found broken when it is broken on purpose."""

from collections.abc import Callable

import pytest

from cocotb_tests.isolation_kernel.world import World, paging_on
from contracts.architecture import Pte
from contracts.devices import DeviceNumber
from contracts.hypercalls import Hypercall
from contracts.memory_map import PAGE_SIZE, Physical, Port
from contracts.pci import IDE_FUNCTION, Command, ConfigOffset
from contracts.policy_map import GUARD
from isolation_kernel import frames, invariants
from isolation_kernel.channels import Channel
from isolation_kernel.model.script import Read, Script, Vmmcall, Write
from isolation_kernel.partition import Partition


def script() -> Script:
    yield from paging_on()
    yield Write(0x6000, 1)
    yield Read(0x7000)
    while True:
        yield Vmmcall(Hypercall.RECEIVE, 0x8000, 64)


def made() -> tuple[World, Partition, Partition]:
    world = World()
    first = world.guest(script, one_to_one=True, devices=frozenset({DeviceNumber.DMA0, DeviceNumber.IDE}))
    second = world.guest(script)
    world.run()
    assert invariants.check(world.kernel) == []
    return world, first, second


def entry_address(partition: Partition, linear: int) -> int:
    root = partition.shadow.current
    return root.tables[linear >> 22] * PAGE_SIZE + 4 * (linear >> 12 & 0x3FF)


def two_owners(world: World, a: Partition, b: Partition) -> None:
    b.memory.pages[7] = a.memory.pages[7]


def foreign_frame(world: World, a: Partition, b: Partition) -> None:
    world.kernel.frames.change(a.memory.pages[9], a.number, frames.Owner.FREE)


def reaches_neighbour(world: World, a: Partition, b: Partition) -> None:
    world.machine.memory.write32(entry_address(a, 0x6000), b.memory.pages[6] * PAGE_SIZE | Pte.P | Pte.RW)


def reaches_kernel(world: World, a: Partition, b: Partition) -> None:
    world.machine.memory.write32(entry_address(a, 0x6000), b.vcpu.block | Pte.P)


def reaches_device(world: World, a: Partition, b: Partition) -> None:
    world.machine.memory.write32(entry_address(b, 0x6000), Physical.DMA_ENGINES | Pte.P | Pte.RW)


def unknown_entry(world: World, a: Partition, b: Partition) -> None:
    world.machine.memory.write32(entry_address(a, 0x6000) + 4 * 99, a.memory.pages[6] * PAGE_SIZE | Pte.P)


def unknown_directory(world: World, a: Partition, b: Partition) -> None:
    at = a.shadow.current.directory * PAGE_SIZE + 4 * 77
    world.machine.memory.write32(at, entry_address(a, 0) & ~0xFFF | Pte.P)


def trusted_table(world: World, a: Partition, b: Partition) -> None:
    root = a.shadow.current
    page = next(p for p, e in root.entries.items() if e.frame not in root.uses and e.word & Pte.RW)
    table = next(iter(root.uses))
    root.entries[page].word = table * PAGE_SIZE | int(Pte.P | Pte.RW)
    root.loose.discard(table)


def edited_unseen(world: World, a: Partition, b: Partition) -> None:
    b.shadow.load(b.cr3, b.mode, True)  # its tables are protected now
    (where, value), *_ = reversed(b.shadow.current.entries[6].leaf.sources)
    world.machine.memory.write32(b.memory.pages[where // PAGE_SIZE] * PAGE_SIZE + where % PAGE_SIZE, value ^ 1 << 12)


def table_in_guest_memory(world: World, a: Partition, b: Partition) -> None:
    b.shadow.current.directory = a.memory.pages[3]


def map_released(world: World, a: Partition, b: Partition) -> None:
    world.kernel.frames.release(world.kernel.msr_map // PAGE_SIZE)


def block_serves_twice(world: World, a: Partition, b: Partition) -> None:
    b.shadow.current.tables[900] = a.vcpu.block // PAGE_SIZE


def guard_off(world: World, a: Partition, b: Partition) -> None:
    world.machine.memory.guard._words[GUARD["CONTROL"].offset] = 0


def dma_reaches_neighbour(world: World, a: Partition, b: Partition) -> None:
    frame = b.memory.pages[5]
    world.machine.memory.ram[world.kernel.policy.maps[0] + (frame >> 3)] |= 1 << (frame & 7)


def dma_map_elsewhere(world: World, a: Partition, b: Partition) -> None:
    world.machine.memory.ram[0x5000:0x5400] = b"\xff" * 0x400
    world.machine.memory.guard.write(GUARD["MAP_BASE"].at(0), 0x5000)


def uniform_for_two(world: World, a: Partition, b: Partition) -> None:
    world.machine.memory.guard.write(GUARD["CONTROL"].offset, 1)


def port_granted(world: World, a: Partition, b: Partition) -> None:
    world.machine.memory.ram[a.io_map.address + (Port.PIC_MASTER >> 3)] &= ~1


def msr_granted(world: World, a: Partition, b: Partition) -> None:
    world.machine.memory.ram[world.kernel.msr_map + 0x1234] = 0


def shared_asid(world: World, a: Partition, b: Partition) -> None:
    b.shadow.current.asid = a.shadow.current.asid


def other_root_runs(world: World, a: Partition, b: Partition) -> None:
    b.vcpu.put("CR3", a.shadow.current.directory * PAGE_SIZE)


def device_of_two(world: World, a: Partition, b: Partition) -> None:
    b.memory.device_pages |= a.memory.device_pages


def let_go(world: World, a: Partition, b: Partition) -> None:
    world.machine.memory.guard.write(GUARD["DEVICE_RESET"].offset, 0)


def masters_the_bus(world: World, a: Partition, b: Partition) -> None:
    world.kernel.mover.take_device(DeviceNumber.IDE)
    world.machine.memory.pci.words[IDE_FUNCTION.select(ConfigOffset.COMMAND)] |= int(Command.BUS_MASTER)


def ports_moved(world: World, a: Partition, b: Partition) -> None:
    world.machine.memory.pci.words[IDE_FUNCTION.select(ConfigOffset.BAR4)] ^= 0x100


def dirty_in_transit(world: World, a: Partition, b: Partition) -> None:
    frame = next(f for f in world.kernel.frames.owned_by(frames.Owner.FREE))
    world.kernel.frames.change(frame, frames.Owner.FREE, frames.Owner.IN_TRANSIT)
    world.machine.memory.write32(frame * PAGE_SIZE + 64, 1)


def page_of_no_channel(world: World, a: Partition, b: Partition) -> None:
    world.kernel.frames.change(b.memory.pages.pop(9), b.number, frames.Owner.SHARED)


def page_of_others(world: World, a: Partition, b: Partition) -> None:
    world.kernel.mover.share_page(b, 9, Channel(b, world.guest(script)))
    a.memory.shared[0x300] = b.memory.shared[9]


def channel_of_others(world: World, a: Partition, b: Partition) -> None:
    b.channels[a.number] = Channel(b, world.guest(script))


def two_in_front(world: World, a: Partition, b: Partition) -> None:
    b.memory.front = True


def nobody_in_front(world: World, a: Partition, b: Partition) -> None:
    world.kernel.view.front = None


BREAKS: dict[Callable[[World, Partition, Partition], None], str] = {
    page_of_no_channel: "shared_within_channel", page_of_others: "shared_within_channel", channel_of_others: "shared_within_channel",
    two_owners: "one_owner", foreign_frame: "one_owner", reaches_neighbour: "shadow_reaches_own", reaches_kernel: "shadow_reaches_own",
    reaches_device: "shadow_reaches_own", unknown_entry: "shadow_is_recorded", unknown_directory: "shadow_is_recorded",
    trusted_table: "tables_are_watched", edited_unseen: "trusted_tables_are_the_guests",
    table_in_guest_memory: "kernel_owns_its_own", map_released: "kernel_owns_its_own",
    block_serves_twice: "kernel_owns_its_own", guard_off: "dma_within_owner", dma_reaches_neighbour: "dma_within_owner",
    dma_map_elsewhere: "dma_within_owner", uniform_for_two: "dma_within_owner", port_granted: "ports_within_owner",
    msr_granted: "ports_within_owner", shared_asid: "asids_apart", other_root_runs: "asids_apart", device_of_two: "devices_have_one_owner",
    let_go: "unowned_devices_rest", masters_the_bus: "unowned_devices_rest", ports_moved: "functions_stay_placed",
    dirty_in_transit: "free_is_clean", two_in_front: "one_in_front", nobody_in_front: "one_in_front",
}  # fmt: skip


@pytest.mark.parametrize("breaks", BREAKS, ids=lambda f: f.__name__)
def test_a_broken_invariant_is_found(breaks: Callable[[World, Partition, Partition], None]) -> None:
    world, first, second = made()
    breaks(world, first, second)
    assert BREAKS[breaks] in {v.invariant for v in invariants.check(world.kernel)}


def test_every_invariant_is_broken_once() -> None:
    assert set(BREAKS.values()) == {rule.__name__ for rule in invariants.INVARIANTS}
