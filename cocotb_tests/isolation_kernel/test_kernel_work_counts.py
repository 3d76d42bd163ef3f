"""The kernel's work for a guest is the guest's time: who provokes long work waits for as long afterwards."""

import pytest

from cocotb_tests.isolation_kernel.world import CODE, SECOND_MEMORY, World, paging_on
from contracts.architecture import Pte
from contracts.configuration import GuestConfig, MultibootEntry
from contracts.devices import DeviceNumber
from contracts.hypercalls import Hypercall
from contracts.memory_map import PAGE_SIZE, Port
from contracts.report import Step
from isolation_kernel.model.script import Operation, Out, Read, Script, Spin, Vmmcall, WriteCr
from isolation_kernel.partition import Partition

SLICE = 8_000
TABLES = 4  # whose entries the kernel compares
DIRECTORY, FIRST_TABLE = 0x10000, 0x100000
FULL = [0x20000 | Pte.P | Pte.RW | Pte.US for _ in range(PAGE_SIZE // 4)]


def spins() -> Script:
    while True:
        yield Spin(500)


def reloads(last: Operation | None = None) -> Script:
    """A guest with DMA and many mapped pages: each load of CR3 makes the kernel read all its entries again."""
    yield from paging_on(pages=512)
    for n in range(TABLES):
        for entry in range(PAGE_SIZE // 4):
            yield Read((16 + n) << 22 | entry << 12)
    while True:
        yield WriteCr(3, DIRECTORY)
        if last is not None:
            yield last


def attacked(last: Operation | None = None) -> tuple[World, Partition, Partition]:
    """A guest that provokes long work, and a victim, run until the work goes on."""
    world = World(slice_cycles=SLICE, timer_cycles=SLICE // 4)
    world.checked = False
    tables = [(FIRST_TABLE + PAGE_SIZE * n, b"".join(w.to_bytes(4, "little") for w in FULL)) for n in range(TABLES)]
    directory = b"".join((at | Pte.P | Pte.RW | Pte.US).to_bytes(4, "little") for at, _ in tables)
    segments = (*tables, (DIRECTORY + 4 * 16, directory))
    attacker = world.guest(lambda: reloads(last), one_to_one=True, devices=frozenset({DeviceNumber.DMA0}), segments=segments)
    victim = world.guest(spins)
    while len(attacker.shadow.current.entries) < TABLES * PAGE_SIZE // 4:
        world.run(500)
    return world, attacker, victim


@pytest.mark.parametrize("last", (None, Vmmcall(Hypercall.YIELD)), ids=("goes on", "yields"))
def test_long_work_is_paid_for(last: Operation | None) -> None:
    """One exit costs more than a slice; the victim has its half all the same, and the other gets on."""
    world, attacker, victim = attacked(last)
    start, before, longest = world.machine.time(), (attacker.cycles, victim.cycles), 0
    exits = attacker.exits
    while world.machine.time() - start < 100 * SLICE:
        now = world.machine.time()
        world.run(1)
        longest = max(longest, world.machine.time() - now)
    assert longest > SLICE and attacker.exits > exits + 10
    assert 0.45 < (victim.cycles - before[1]) / (world.machine.time() - start) < 0.65
    assert attacker.cycles > before[0]


def test_a_guest_alone_waits_for_nothing() -> None:
    """What it took beyond its slices is no debt where nobody else wants the processor, and none later."""
    world, attacker, victim = attacked()
    world.kernel.end_guest(victim, "it was in the way")
    start, before = world.machine.time(), attacker.cycles
    for _ in range(50):
        assert world.kernel.step() is Step.RAN
    assert attacker.cycles - before == world.machine.time() - start
    late = world.guest(spins)
    start = world.machine.time()
    world.run(400)
    assert 0.4 < late.cycles / (world.machine.time() - start) < 0.65


def test_a_guest_that_resets_itself_pays_for_its_reset() -> None:
    """Its memory is cleaned and its image loaded again for it: each time as the same partition."""

    def resets() -> Script:
        yield Out(Port.KBC_STATUS, 0xFE)

    world = World(slice_cycles=SLICE, timer_cycles=SLICE // 4)
    load = world.kernel.load_guest

    def load_guest(config: GuestConfig, number: int | None = None) -> Partition:
        partition = load(config, number)
        world.machine.attach(partition.vcpu.block, resets if config.restart_on_reset else spins)
        return partition

    world.kernel.load_guest = load_guest  # type: ignore[method-assign]
    first = world.kernel.load_guest(GuestConfig("resets", SECOND_MEMORY, (), MultibootEntry(CODE), restart_on_reset=True))
    victim = world.kernel.load_guest(GuestConfig("spins", SECOND_MEMORY, (), MultibootEntry(CODE)))
    start, resets_seen = world.machine.time(), 0
    while world.machine.time() - start < 300 * SLICE:
        resets_seen += world.kernel.partitions[first.number].exits == 0
        world.run(1)
    assert resets_seen > 5 and set(world.kernel.partitions) == {first.number, victim.number}
    assert 0.45 < victim.cycles / (world.machine.time() - start) < 0.65
