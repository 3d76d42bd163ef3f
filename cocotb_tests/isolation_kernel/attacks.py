"""Attacks by scripts of ring 0 on the model machine, each with the protection that it aims at.

An attack builds its guests in a world and returns a judge, which looks at the machine afterwards and says whether the attack succeeded;
it does not know which protections are on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cocotb_tests.isolation_kernel.world import RW, US, P, World, paging_on
from contracts.architecture import Cr0, Cr4, Pte
from contracts.dma_engine import DMA_ENGINE, DescriptorFlag
from contracts.hypercalls import Hypercall
from contracts.memory_map import PAGE_SIZE, Physical, Port
from contracts.msr import Msr
from contracts.policy_map import GUARD
from isolation_kernel.configuration import Right
from isolation_kernel.devices import DeviceNumber
from isolation_kernel.model import script as ops
from isolation_kernel.model.memory import Straps
from isolation_kernel.model.script import GuestException, In, Operation, Out, Read, Script, SetRing, Spin, Vmmcall, Write, WriteCr
from isolation_kernel.partition import Partition

__all__ = ["ATTACKS", "BAD", "SCRATCH", "SECRET", "Attack", "Judge", "attack", "changed", "dma", "shows", "victim", "waits", "words"]

SECRET = 0x5EC2_E75E
BAD = 0xBADB_ADBA
VICTIM_PAGE = 0x20000  # where the victim keeps its secrets
SCRATCH = 0x0018_0000  # attacker's memory
LINEAR = 0x0080_0000  # directory entry 2, free in the attacker's tables
TABLE = 0x0005_0000  # the attacker's page table for it
ENGINE = Physical.DMA_ENGINES
NO_RIGHTS: frozenset[Right] = frozenset()

Judge = Callable[[World], bool]


@dataclass(frozen=True)
class Attack:
    """``build`` makes the guests; ``protection`` is the kernel's switch without which the attack succeeds."""

    name: str
    protection: str
    build: Callable[[World], Judge]
    straps: Straps = Straps()


ATTACKS: list[Attack] = []


def attack(protection: str, straps: Straps | None = None) -> Callable[[Callable[[World], Judge]], Callable[[World], Judge]]:
    """Register an attack under its function's name."""

    def register(build: Callable[[World], Judge]) -> Callable[[World], Judge]:
        ATTACKS.append(Attack(build.__name__, protection, build, straps or Straps()))
        return build

    return register


# the victim: waits for messages, and keeps a page of secrets whose words could also be page-table entries


def waits() -> Script:
    """Never gets a message."""
    while True:
        yield Vmmcall(Hypercall.RECEIVE, 0x8000, 64)


def victim(world: World, script: Callable[[], Script] = waits, **more: object) -> tuple[Partition, int]:
    """A guest with a page full of SECRET; the machine address of that page."""
    page = SECRET.to_bytes(4, "little") * (PAGE_SIZE // 4)
    partition = world.guest(script, segments=((VICTIM_PAGE, page),), **more)  # type: ignore[arg-type]
    return partition, (partition.memory.offset << 12) + VICTIM_PAGE


def words(world: World, address: int, count: int = PAGE_SIZE // 4) -> list[int]:
    """Machine memory."""
    return [world.machine.memory.read32(address + 4 * n) for n in range(count)]


def changed(address: int) -> Judge:
    """The victim's page is no longer what it was."""
    return lambda world: any(word != SECRET for word in words(world, address))


def shows(address: int = SCRATCH) -> Judge:
    """The secret lies where the attacker puts what it finds."""
    return lambda world: SECRET in words(world, address, 8)


def tries(operation: Operation) -> Iterator[Operation]:
    """An operation that may fault; the result is that of the operation, or None."""
    try:
        return (yield operation)  # type: ignore[return-value]
    except GuestException:
        return None


def mapped(frame: int, bits: int = P | RW | US) -> Iterator[Operation]:
    """Paging on, and LINEAR mapped to ``frame``."""
    yield from paging_on(pages=512)
    yield Write(TABLE, frame | bits)
    yield Write(0x10000 + 4 * (LINEAR >> 22), TABLE | P | RW | US)


def dma(descriptors: list[tuple[int, int, int, int]], engine: int = ENGINE, wait: bool = True) -> Iterator[Operation]:
    """Run a chain (source, destination, length, flags) whose descriptors lie at 40000h."""
    for n, descriptor in enumerate(descriptors):
        for w, word in enumerate(descriptor):
            yield Write(0x40000 + 16 * n + 4 * w, word)
    yield Write(engine + DMA_ENGINE["DESCRIPTOR"].offset, 0x40000)
    yield Write(engine + DMA_ENGINE["CONTROL"].offset, 1)
    if wait:
        for _ in range(200):
            status: int = yield Read(engine + DMA_ENGINE["STATUS"].offset)  # type: ignore[assignment]
            if not status & 1:
                break


# memory by page tables


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


# pages and devices that were taken away


def _keeps_a_page(world: World) -> Judge:
    receiver, _ = victim(world)

    def script() -> Script:
        yield Write(SCRATCH, 1)
        yield Vmmcall(Hypercall.GIVE_PAGE, SCRATCH, receiver.number)
        yield from tries(Write(SCRATCH, BAD))

    world.guest(script, one_to_one=True)
    return lambda world: words(world, SCRATCH, 1)[0] == BAD


@attack("flush_on_revoke")
def keeps_a_stale_tlb_entry_of_a_page(world: World) -> Judge:
    return _keeps_a_page(world)


@attack("drop_on_revoke")
def keeps_a_shadow_entry_of_a_page(world: World) -> Judge:
    return _keeps_a_page(world)


@attack("dma_revoke")
def writes_by_dma_to_a_page_it_gave_away(world: World) -> Judge:
    receiver, _ = victim(world)

    def script() -> Script:
        yield Vmmcall(Hypercall.GIVE_PAGE, SCRATCH, receiver.number)
        yield from dma([(BAD, SCRATCH, 4, DescriptorFlag.FILL | DescriptorFlag.LAST)])

    world.guest(script, one_to_one=True, devices=frozenset({DeviceNumber.DMA0}))
    return lambda world: words(world, SCRATCH, 1)[0] == BAD


@attack("drop_on_revoke")
def keeps_the_registers_of_a_device(world: World) -> Judge:
    receiver, _ = victim(world)
    at = ENGINE + DMA_ENGINE["DESCRIPTOR"].offset

    def script() -> Script:
        yield Read(at)
        yield Vmmcall(Hypercall.GIVE_DEVICE, DeviceNumber.DMA0, receiver.number)
        yield from tries(Write(at, BAD & ~15))

    world.guest(script, one_to_one=True, devices=frozenset({DeviceNumber.DMA0}))
    return lambda world: world.machine.memory.read32(at) == BAD & ~15


@attack("device_reset")
def leaves_work_in_a_device_for_its_next_owner(world: World) -> Judge:
    receiver, target = victim(world)

    def script() -> Script:
        own, foreign = (SECRET, 0x0010_0000, 1 << 15, DescriptorFlag.FILL), (BAD, target, 64, DescriptorFlag.FILL | DescriptorFlag.LAST)
        yield from dma([own, foreign], wait=False)
        yield Vmmcall(Hypercall.GIVE_DEVICE, DeviceNumber.DMA0, receiver.number)
        yield Spin(10)
        for _ in range(4096):
            yield Spin(1)

    world.guest(script, one_to_one=True, devices=frozenset({DeviceNumber.DMA0}))

    def judge(world: World) -> bool:
        # the fill of the attacker's own memory is refused once the device is the victim's; what counts is that the engine still worked
        return world.machine.memory.engines[0].read(DMA_ENGINE["DESCRIPTOR"].offset) != 0

    return judge


@attack("clean_moved_page")
def reads_what_a_moved_page_held(world: World) -> Judge:
    def gives() -> Script:
        yield Vmmcall(Hypercall.GIVE_PAGE, VICTIM_PAGE, 2)
        yield from waits()

    victim(world, gives)

    def script() -> Script:
        while (yield Vmmcall(Hypercall.ACCEPT_PAGE, 0x0700_0000)):
            yield Spin(1000)
        seen = yield Read(0x0700_0000)
        yield Write(SCRATCH, seen)  # type: ignore[arg-type]

    world.guest(script, one_to_one=True)
    return shows()


@attack("clean_ended_guest")
def reads_what_an_ended_guest_left(world: World) -> Judge:
    def ends() -> Script:
        yield Vmmcall(Hypercall.SHUTDOWN, 0)

    def looks() -> Script:
        seen = yield Read(VICTIM_PAGE)
        yield Write(0x21000, seen)  # type: ignore[arg-type]

    def spins() -> Script:
        while True:
            yield Spin(1000)

    first, target = victim(world, ends)
    world.guest(spins, one_to_one=True)
    while first.alive:
        world.kernel.step()
    second = world.guest(looks)
    assert second.memory.offset == first.memory.offset
    return shows(target + 0x1000)


@attack("asid_per_root")
def hits_a_neighbours_tlb_entry(world: World) -> Judge:
    def touches() -> Script:
        for _ in range(40):
            yield Read(VICTIM_PAGE)
            yield Vmmcall(Hypercall.YIELD)
        yield from waits()

    victim(world, touches)

    def script() -> Script:
        yield Vmmcall(Hypercall.YIELD)
        for _ in range(4):
            seen = yield Read(VICTIM_PAGE)  # the attacker's own page of that address, which it has never touched
            yield Write(SCRATCH, seen)  # type: ignore[arg-type]
            yield Vmmcall(Hypercall.YIELD)

    world.guest(script, one_to_one=True)
    return shows()


# DMA


def _dma_attack(world: World, chain: Callable[[int], list[tuple[int, int, int, int]]], judge: Callable[[int], Judge]) -> Judge:
    _, target = victim(world)

    def script() -> Script:
        yield from dma(chain(target))
        yield from dma([(0x600D, SCRATCH + 0x100, 4, DescriptorFlag.FILL | DescriptorFlag.LAST)])  # what is allowed still works

    world.guest(script, one_to_one=True, devices=frozenset({DeviceNumber.DMA0}))
    return judge(target)


@attack("dma_policy")
def reads_a_neighbour_by_dma(world: World) -> Judge:
    return _dma_attack(world, lambda target: [(target, SCRATCH, 32, DescriptorFlag.LAST)], lambda target: shows())


@attack("dma_policy")
def writes_a_neighbour_by_dma(world: World) -> Judge:
    return _dma_attack(world, lambda target: [(BAD, target, 32, DescriptorFlag.FILL | DescriptorFlag.LAST)], changed)


@attack("dma_policy")
def writes_a_vcpu_block_by_dma(world: World) -> Judge:
    def chain(target: int) -> list[tuple[int, int, int, int]]:
        return [(BAD, world.kernel.partitions[1].vcpu.block + 0x1800, 32, DescriptorFlag.FILL | DescriptorFlag.LAST)]

    return _dma_attack(world, chain, lambda target: lambda world: BAD in words(world, world.kernel.partitions[1].vcpu.block + 0x1800, 4))


@attack("dma_policy")
def puts_dma_descriptors_in_a_neighbour(world: World) -> Judge:
    partition, target = victim(world)
    descriptor = (target, SCRATCH, 16, DescriptorFlag.LAST)
    for n, word in enumerate(descriptor):
        world.machine.memory.write32(target + 4 * n, word)

    def script() -> Script:
        yield Write(ENGINE + DMA_ENGINE["DESCRIPTOR"].offset, target)
        yield Write(ENGINE + DMA_ENGINE["CONTROL"].offset, 1)
        yield Spin(1000)
        yield Spin(1000)

    world.guest(script, one_to_one=True, devices=frozenset({DeviceNumber.DMA0}))
    return lambda world: words(world, SCRATCH, 1)[0] == target


# registers, ports, instructions


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


# hypercalls


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
