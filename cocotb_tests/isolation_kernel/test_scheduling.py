"""Each guest makes progress, whatever its neighbours do; virtual interrupts arrive in order and only when they may."""

from collections.abc import Callable

import pytest

from cocotb_tests.isolation_kernel.world import World, paging_on
from contracts.architecture import Eflags, Exc
from contracts.hypercalls import Hypercall
from contracts.memory_map import Port
from contracts.report import Step
from isolation_kernel.model.script import Cpuid, GuestException, Halt, In, Operation, Out, Read, Script, SetIf, Spin, Vmmcall
from isolation_kernel.partition import Partition, State

TICK_VECTOR = 0x40


def spins() -> Script:
    while True:
        yield Spin(500)


def exits() -> Script:
    while True:
        yield Cpuid(0)


def faults() -> Script:
    yield from paging_on()
    while True:
        try:
            yield Read(0x3000_0000)
        except GuestException:
            pass


def yields() -> Script:
    while True:
        yield Vmmcall(Hypercall.YIELD)


def shares(*scripts: Callable[[], Script]) -> list[float]:
    world = World(slice_cycles=20_000, timer_cycles=5_000)
    world.checked = False
    guests = [world.guest(s) for s in scripts]
    world.run(8000)
    total = sum(g.cycles for g in guests)
    return [g.cycles / total for g in guests]


@pytest.mark.parametrize("neighbour", (spins, exits, faults))
def test_equal_shares(neighbour: Callable[[], Script]) -> None:
    """A guest that only computes gets its half beside one that computes, exits or faults for ever."""
    for share in shares(spins, neighbour):
        assert 0.45 < share < 0.55


def test_three_guests() -> None:
    for share in shares(spins, exits, faults):
        assert 0.28 < share < 0.39


def test_a_guest_that_yields_leaves_the_rest() -> None:
    assert shares(yields, spins)[0] < 0.2


def programs_the_tick(divisor: int) -> list[Operation]:
    """The virtual 8259s and 8254 as an operating system sets them up."""
    pic = [Out(Port.PIC_MASTER, 0x11), Out(0x21, TICK_VECTOR), Out(0x21, 4), Out(0x21, 1), Out(0x21, 0xFE)]
    return [*pic, Out(0x43, 0x34), Out(0x40, divisor & 0xFF), Out(0x40, divisor >> 8)]


def with_handler(world: World, guest: Partition) -> list[int]:
    ticks: list[int] = []

    def handler() -> Script:
        ticks.append(world.machine.time())
        yield Out(Port.PIC_MASTER, 0x20)

    world.machine.cpus[guest.vcpu.block].handlers[TICK_VECTOR] = handler
    return ticks


def test_halted_guests_are_woken_by_their_tick() -> None:
    count = 0

    def script() -> Script:
        nonlocal count
        for operation in programs_the_tick(5000):
            _ = yield operation
        yield SetIf(True)
        for _ in range(10):
            yield Halt()
            count += 1
        yield SetIf(False)
        yield Vmmcall(Hypercall.SHUTDOWN)

    world = World()
    guest = world.guest(script)
    ticks = with_handler(world, guest)
    assert world.run() is Step.OVER
    assert count == 10 and len(ticks) >= 10
    assert all(90_000 < b - a < 160_000 for a, b in zip(ticks, ticks[1:], strict=False))  # 105,000 cycles, on the kernel's own ticks


def test_no_interrupt_while_if_is_clear() -> None:
    taken_early = False

    def script() -> Script:
        nonlocal taken_early
        for operation in programs_the_tick(1000):
            _ = yield operation
        for _ in range(200):
            yield Spin(2000)
        taken_early = bool(ticks)
        yield SetIf(True)
        yield Spin(1)
        yield Spin(1)

    world = World()
    guest = world.guest(script)
    ticks = with_handler(world, guest)
    world.run()
    assert not taken_early and ticks and guest.state is State.HALTED


def test_a_halted_guest_without_interrupts_stays_halted() -> None:
    def script() -> Script:
        yield SetIf(False)
        yield Halt()
        raise AssertionError("woken by nothing")

    world = World()
    world.guest(script)
    assert world.run() is Step.IDLE


def test_halt_under_single_step_goes_on_with_the_trap() -> None:
    """The trap comes behind HLT and wakes the processor at once."""
    seen: list[int] = []

    def script() -> Script:
        try:
            yield Halt()
        except GuestException as trap:
            guest.vcpu.put("RFLAGS", guest.vcpu.get("RFLAGS") & ~int(Eflags.TF))
            seen.append(trap.vector)
        yield Vmmcall(Hypercall.SHUTDOWN)

    world = World()
    guest = world.guest(script)
    guest.vcpu.put("RFLAGS", Eflags.ALWAYS | Eflags.TF)
    assert world.run() is Step.OVER and seen == [Exc.DB]


def test_masked_and_unserviced_lines_hold_back() -> None:
    """A second tick waits for the end of interrupt; the in-service register shows the first."""
    in_service: list[object] = []

    def script() -> Script:
        for operation in programs_the_tick(1000):
            _ = yield operation
        yield SetIf(True)
        for _ in range(400):
            yield Spin(1000)
        yield Out(0x20, 0x0B)
        in_service.append((yield In(0x20)))

    world = World()
    guest = world.guest(script)
    world.run()
    assert world.machine.cpus[guest.vcpu.block].interrupts == [TICK_VECTOR] and in_service == [1]
