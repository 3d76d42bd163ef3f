"""A virtual PC that lies or fails harms its own guest alone: never another, never the kernel."""

import random
from collections.abc import Callable

import pytest

from cocotb_tests.isolation_kernel.world import LAYOUT, World, paging_on
from cocotb_tests.virtual_pc.liars import LyingFence, LyingPc, restless
from contracts.architecture import Pte
from contracts.hypercalls import Hypercall
from contracts.memory_map import PAGE_SIZE
from contracts.report import Step
from isolation_kernel import invariants
from isolation_kernel.fence import Fence
from isolation_kernel.guest_memory import GuestMemory
from isolation_kernel.model.script import Read, Script, SetIf, Spin, Vmmcall, Write
from isolation_kernel.partition import Partition
from isolation_kernel.shadow import Shadow
from virtual_pc.paging import Leaf
from virtual_pc.ports import VirtualPc

SECRET = 0x5EC2_E75E
OWN_AFFAIR = ("tables_are_watched", "trusted_tables_are_the_guests")  # that a guest's translations are what its own tables say
RULES = tuple(rule for rule in invariants.INVARIANTS if rule.__name__ not in OWN_AFFAIR)
STEPS = 1500
SEEDS = range(4)

Replace = Callable[[Partition, random.Random], None]


def neighbour(seen: list[object]) -> Callable[[], Script]:
    """Works with its memory, its tables and its console, and writes down what it finds."""

    def script() -> Script:
        yield from paging_on()
        for n in range(40):
            seen.append((yield Read(0x20000 + 4 * n)))
            yield Write(0x30000 + 4 * n, n)
            seen.append((yield Read(0x30000 + 4 * n)))
            yield Vmmcall(Hypercall.YIELD)
        yield Vmmcall(Hypercall.SHUTDOWN, 7)

    return script


def beside(replace: Replace | None, seed: int, ends: bool = True) -> tuple[World, list[object], list[str]]:
    """A restless guest whose PC is replaced, and its neighbour: the world, what the neighbour saw, and each rule that was broken."""
    rng = random.Random(seed)
    world, seen, broken = World(slice_cycles=5_000), list[object](), list[str]()
    world.machine.access_cycles = 0  # the checks are nobody's work
    first = world.guest(restless(rng), one_to_one=True)
    page = SECRET.to_bytes(4, "little") * (PAGE_SIZE // 4)
    second = world.guest(neighbour(seen), segments=((0x20000, page),))
    if replace is not None:
        replace(first, rng)
    for _ in range(STEPS):
        assert world.kernel.step() is not Step.OVER
        broken += [f"{rule.__name__}: {text}" for rule in RULES for text in rule(world.kernel)]
        if broken or not second.alive and (not first.alive or not ends):
            break
    return world, seen, broken


def lying_devices(partition: Partition, rng: random.Random) -> None:
    partition.pc = Fence(LyingPc(rng))


def lying_answers(partition: Partition, rng: random.Random) -> None:
    partition.pc = partition.shadow._pc = LyingFence(VirtualPc(1), rng, LAYOUT)


def lying_always(partition: Partition, rng: random.Random) -> None:
    partition.pc = partition.shadow._pc = LyingFence(LyingPc(rng), rng, LAYOUT, honest=0)


LIARS: dict[str, Replace] = {"devices": lying_devices, "translations and instructions": lying_answers, "all of it": lying_always}


@pytest.fixture(scope="module")
def in_peace() -> list[object]:
    """What the neighbour sees beside an honest PC."""
    _, seen, broken = beside(None, 0)
    assert not broken and len(seen) == 80
    return seen


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("liar", LIARS)
def test_a_liar_harms_nobody_else(liar: str, seed: int, in_peace: list[object]) -> None:
    world, seen, broken = beside(LIARS[liar], seed, ends=False)
    assert not broken
    first, second = world.kernel.partitions[1], world.kernel.partitions[2]
    assert (seen, second.exit_status, second.end_reason) == (in_peace, 7, "shut itself down")
    assert first.exits > 100 and (not isinstance(first.pc, LyingFence) or first.pc.lies > 20), "it has lied"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_pc_that_fails_ends_its_guest_alone(seed: int, in_peace: list[object]) -> None:
    def fails(partition: Partition, rng: random.Random) -> None:
        partition.pc = Fence(LyingPc(rng, fails=0.01))

    world, seen, broken = beside(fails, seed)
    first, second = world.kernel.partitions[1], world.kernel.partitions[2]
    assert not broken and seen == in_peace
    assert (first.alive, first.end_reason) == (False, "its virtual PC failed: ZeroDivisionError")
    assert second.exit_status == 7


def test_every_vector_is_the_guests_own() -> None:
    """Each of the 256 reaches the guest whose PC says so, and nobody else."""

    class Says(VirtualPc):
        vector = 0

        def pending(self) -> int | None:
            return self.vector

    def script() -> Script:
        yield SetIf(True)
        while True:
            yield Spin(10)
            yield Vmmcall(Hypercall.YIELD)

    world = World()
    first, second = world.guest(script, one_to_one=True), world.guest(script)
    first.pc = Fence(pc := Says(1))
    for pc.vector in (*range(256), 1 << 40 | 5, -1):
        world.run(4)
    taken = [world.machine.cpus[p.vcpu.block].interrupts for p in (first, second)]
    assert set(range(256)) <= set(taken[0]) and not taken[1]


# the control: a kernel that believes is found out


def test_a_kernel_that_believes_the_cache_bits_gives_foreign_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    rights = Shadow._rights

    def believes(leaf: Leaf, write: bool) -> int:
        return rights(leaf, write) | leaf.cache_bits & 0xFFFF_FFFF & ~int(Pte.G)

    monkeypatch.setattr(Shadow, "_rights", staticmethod(believes))
    assert any(any("shadow_reaches_own" in text for text in beside(lying_always, seed)[2]) for seed in SEEDS)


def test_a_kernel_that_believes_the_page_gives_foreign_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    def believes(memory: GuestMemory, page: int, check: bool = True) -> int | None:
        return memory.pages.get(page, page if 0 <= page < len(memory._base.frames) else None)

    monkeypatch.setattr(GuestMemory, "frame_of", believes)
    assert any(any("shadow_reaches_own" in text for text in beside(lying_always, seed)[2]) for seed in SEEDS)
