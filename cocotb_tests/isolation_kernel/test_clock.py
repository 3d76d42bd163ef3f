"""The time stamp counter that a guest sees, by RDTSC and as an MSR: with a clock the machine's and an offset, without one its own calls."""

from cocotb_tests.isolation_kernel.world import World
from contracts.architecture import Exc
from contracts.msr import Msr
from isolation_kernel.model.script import GuestException, Rdmsr, Rdtsc, Script, Wrmsr
from isolation_kernel.partition import Partition

SET = 0x1_2345_6789_ABCD


def ran(clock: bool, *wanted: Rdtsc | Rdmsr | Wrmsr) -> tuple[World, Partition, list[object]]:
    seen: list[object] = []

    def script() -> Script:
        for operation in wanted:
            try:
                seen.append((yield operation))
            except GuestException as fault:
                seen.append(fault.vector)

    world = World()
    guest = world.guest(script, clock=clock)
    world.run()
    return world, guest, seen


def test_without_a_clock_it_counts_how_often_it_was_read() -> None:
    _, guest, seen = ran(False, Rdtsc(), Rdmsr(Msr.TSC), Rdtsc(), Wrmsr(Msr.TSC, SET), Rdtsc(), Rdmsr(Msr.TSC))
    assert [seen[n] for n in (0, 1, 2, 4, 5)] == [1, 2, 3, SET + 1, SET + 2]
    assert guest.vcpu.get("TSC_OFFSET") == 0, "nor does the processor tell it the time"


def test_with_a_clock_it_is_the_machines_from_what_the_guest_sets() -> None:
    world, guest, seen = ran(True, Rdmsr(Msr.TSC), Wrmsr(Msr.TSC, SET), Rdmsr(Msr.TSC))
    first, _, then = seen
    assert isinstance(first, int) and isinstance(then, int) and 0 < first < world.machine.time()
    assert SET < then < SET + world.machine.time()
    offset = guest.vcpu.get("TSC_OFFSET")
    assert (then - offset) % (1 << 64) < world.machine.time(), "the processor adds to RDTSC what makes it the same"


def test_there_is_no_other_msr() -> None:
    for clock in (False, True):
        assert ran(clock, Rdmsr(Msr.EFER), Wrmsr(Msr.VM_HSAVE_PA, 0x1000))[2] == [Exc.GP] * 2
