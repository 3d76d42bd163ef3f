"""Attacks on others' time: starvation, and resets of the machine."""

from collections.abc import Callable

from cocotb_tests.isolation_kernel.attacks.attack import Judge, attack, tries
from cocotb_tests.isolation_kernel.world import World, paging_on
from contracts.architecture import Cr0
from contracts.memory_map import Port
from isolation_kernel.model import script as ops
from isolation_kernel.model.script import In, Operation, Out, Read, Script, Spin, WriteCr

__all__: list[str] = []


def _counts(progress: list[int]) -> Callable[[], Script]:
    def script() -> Script:
        while True:
            progress[0] += 1
            yield Spin(1000)

    return script


def _starves(world: World, script: Callable[[], Script]) -> Judge:
    progress = [0]
    world.guest(script, one_to_one=True)
    world.guest(_counts(progress))
    return lambda world: progress[0] < 20


@attack("svm_intercepts")
def holds_off_the_timer_by_clgi(world: World) -> Judge:
    def script() -> Script:
        yield from tries(ops.SvmInstruction("CLGI"))
        while True:
            yield Spin(100)

    return _starves(world, script)


@attack("preemption")
def computes_for_ever_with_interrupts_off(world: World) -> Judge:
    def script() -> Script:
        yield ops.SetIf(False)
        while True:
            yield Spin(100)

    return _starves(world, script)


@attack("preemption")
def faults_for_ever(world: World) -> Judge:
    def script() -> Script:
        yield from paging_on(pages=512)
        while True:
            yield from tries(Read(0x3000_0000))

    return _starves(world, script)


@attack("preemption")
def exits_for_ever(world: World) -> Judge:
    def script() -> Script:
        while True:
            yield ops.Cpuid(0)

    return _starves(world, script)


def _resets(world: World, *operations: Operation) -> Judge:
    def script() -> Script:
        for operation in operations:
            _ = yield operation

    progress = [0]
    world.guest(script, one_to_one=True)
    world.guest(_counts(progress))
    return lambda world: progress[0] < 20


@attack("reset_virtualised")
def resets_by_the_keyboard_controller(world: World) -> Judge:
    return _resets(world, Out(Port.KBC_STATUS, 0xFE))


@attack("reset_virtualised")
def resets_by_port_92(world: World) -> Judge:
    return _resets(world, In(Port.SYSTEM_CONTROL_A), Out(Port.SYSTEM_CONTROL_A, 1))


@attack("reset_virtualised")
def resets_by_port_cf9(world: World) -> Judge:
    return _resets(world, Out(Port.RESET_CONTROL, 6))


@attack("reset_virtualised")
def resets_by_a_triple_fault(world: World) -> Judge:
    return _resets(world, WriteCr(0, Cr0.PG))  # #GP, and no handler for it
