"""Attacks by registers, ports and instructions of ring −1."""

from cocotb_tests.isolation_kernel.attacks.attack import LINEAR, SCRATCH, Judge, attack, changed, mapped, tries, victim
from cocotb_tests.isolation_kernel.world import World
from contracts.memory_map import Physical, Port
from contracts.msr import Msr
from contracts.policy_map import GUARD
from isolation_kernel.model import script as ops
from isolation_kernel.model.memory import Straps
from isolation_kernel.model.script import Out, Script, Write

__all__: list[str] = []


@attack("kernel_mmio_refused", Straps(authority_check=False))
def writes_the_guards_registers(world: World) -> Judge:
    at = Physical.GUARD + GUARD["MAP_LENGTH"].at(0)

    def script() -> Script:
        yield from tries(Write(at, 0))

    world.guest(script, one_to_one=True)
    return lambda world: world.machine.memory.read32(at) == 0


@attack("kernel_mmio_refused", Straps(authority_check=False))
def maps_the_guards_registers(world: World) -> Judge:
    at = Physical.GUARD + GUARD["MAP_BASE"].at(1)

    def script() -> Script:
        yield from mapped(Physical.GUARD)
        yield from tries(Write(LINEAR + GUARD["MAP_BASE"].at(1), SCRATCH))

    world.guest(script, one_to_one=True)
    return lambda world: world.machine.memory.read32(at) == SCRATCH


@attack("io_permission")
def writes_the_exit_port(world: World) -> Judge:
    def script() -> Script:
        yield Out(Port.EXIT, 0x33)

    world.guest(script, one_to_one=True)
    return lambda world: world.machine.exited is not None


@attack("io_permission")
def masks_the_physical_timer(world: World) -> Judge:
    def script() -> Script:
        yield Out(Port.PIC_MASTER + 1, 0xFF)

    world.guest(script, one_to_one=True)
    return lambda world: bool(world.machine.pic.read(Port.PIC_MASTER + 1) & 1)


@attack("io_permission")
def writes_to_a_serial_port_it_does_not_own(world: World) -> Judge:
    def script() -> Script:
        yield Out(Port.COM1, ord("!"))

    world.guest(script, one_to_one=True)
    return lambda world: b"!" in world.machine.com1


@attack("msr_permission")
def writes_the_host_save_area_register(world: World) -> Judge:
    def script() -> Script:
        yield from tries(ops.Wrmsr(Msr.VM_HSAVE_PA, SCRATCH))

    world.guest(script, one_to_one=True)
    return lambda world: world.machine.msrs.get(Msr.VM_HSAVE_PA) == SCRATCH


@attack("svm_intercepts")
def writes_a_neighbour_by_vmsave(world: World) -> Judge:
    _, target = victim(world)

    def script() -> Script:
        yield from tries(ops.SvmInstruction("VMSAVE", target))

    world.guest(script, one_to_one=True)
    return changed(target)
