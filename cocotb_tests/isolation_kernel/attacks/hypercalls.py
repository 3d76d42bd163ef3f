"""Attacks by hypercalls."""

from cocotb_tests.isolation_kernel.attacks.attack import NO_RIGHTS, SCRATCH, SECRET, Judge, attack, changed, tries, victim, waits
from cocotb_tests.isolation_kernel.world import World
from contracts.devices import DeviceNumber
from contracts.hypercalls import Hypercall
from contracts.memory_map import PAGE_SIZE
from isolation_kernel.model.script import Script, SetRing, Vmmcall

__all__: list[str] = []


@attack("hypercall_buffers")
def sends_a_neighbours_memory(world: World) -> Judge:
    _, target = victim(world)

    def script() -> Script:
        yield Vmmcall(Hypercall.SEND, target, 64)

    own = world.guest(script, one_to_one=True)
    return lambda world: any(SECRET.to_bytes(4, "little") in answer for answer in own.answers)


@attack("hypercall_buffers")
def prints_kernel_memory(world: World) -> Judge:
    partition, _ = victim(world)
    world.machine.memory.write32(partition.vcpu.block + 0x1F00, SECRET)

    def script() -> Script:
        yield Vmmcall(Hypercall.CONSOLE_WRITE, partition.vcpu.block + 0x1F00, 4)

    own = world.guest(script, one_to_one=True)
    return lambda world: SECRET.to_bytes(4, "little") in own.console


@attack("hypercall_buffers")
def receives_into_a_neighbours_memory(world: World) -> Judge:
    _, target = victim(world)

    def script() -> Script:
        yield Vmmcall(Hypercall.RECEIVE, target, 64)

    own = world.guest(script, one_to_one=True)
    world.kernel.post_message(own.number, b"overwritten!")
    return changed(target)


@attack("hypercall_rights")
def shuts_the_system_down_without_the_right(world: World) -> Judge:
    def script() -> Script:
        yield Vmmcall(Hypercall.SYSTEM_SHUTDOWN, 0)

    world.guest(script, one_to_one=True, rights=NO_RIGHTS)
    return lambda world: world.machine.is_shut_down


@attack("hypercall_rights")
def gives_away_a_neighbours_device(world: World) -> Judge:
    holder, _ = victim(world, devices=frozenset({DeviceNumber.DMA1}))
    third = world.guest(waits)

    def script() -> Script:
        yield Vmmcall(Hypercall.GIVE_DEVICE, DeviceNumber.DMA1, third.number)

    world.guest(script, one_to_one=True)
    return lambda world: DeviceNumber.DMA1 not in holder.devices


@attack("hypercall_ring")
def gives_a_page_away_from_ring_3(world: World) -> Judge:
    receiver, _ = victim(world)

    def script() -> Script:
        yield SetRing(3)
        yield from tries(Vmmcall(Hypercall.GIVE_PAGE, SCRATCH, receiver.number))

    own = world.guest(script, one_to_one=True)
    return lambda world: SCRATCH // PAGE_SIZE not in own.memory.pages and own.alive or bool(receiver.offered)
