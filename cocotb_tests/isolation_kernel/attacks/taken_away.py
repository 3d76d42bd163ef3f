"""Attacks with pages and devices that were taken away, and on what others have left."""

from cocotb_tests.isolation_kernel.attacks.attack import (
    BAD,
    ENGINE,
    SCRATCH,
    SECRET,
    VICTIM_PAGE,
    Judge,
    attack,
    dma,
    shows,
    tries,
    victim,
    waits,
    words,
)
from cocotb_tests.isolation_kernel.world import World
from contracts.devices import DeviceNumber
from contracts.dma_engine import DMA_ENGINE, DescriptorFlag
from contracts.hypercalls import Hypercall
from isolation_kernel.model.script import Read, Script, Spin, Vmmcall, Write

__all__: list[str] = []


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
        yield Write(SCRATCH, seen)

    world.guest(script, one_to_one=True)
    return shows()


@attack("clean_ended_guest")
def reads_what_an_ended_guest_left(world: World) -> Judge:
    def ends() -> Script:
        yield Vmmcall(Hypercall.SHUTDOWN, 0)

    def looks() -> Script:
        seen = yield Read(VICTIM_PAGE)
        yield Write(0x21000, seen)

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
            yield Write(SCRATCH, seen)
            yield Vmmcall(Hypercall.YIELD)

    world.guest(script, one_to_one=True)
    return shows()
