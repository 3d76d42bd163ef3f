"""Pages and devices change hands while both guests run."""

from cocotb_tests.isolation_kernel.attacks.attack import dma
from cocotb_tests.isolation_kernel.world import World, paging_on
from contracts.architecture import Pte
from contracts.devices import DeviceNumber
from contracts.dma_engine import DMA_ENGINE, DescriptorFlag
from contracts.hypercalls import Hypercall, Status
from contracts.memory_map import PAGE_SIZE, Physical, Port
from contracts.policy_map import Format
from contracts.report import Refusal
from isolation_kernel.model.script import GuestException, Invlpg, Out, Read, Script, Spin, Vmmcall, Write
from isolation_kernel.partition import MAX_OFFERED

PAGE, PLACE = 0x30000, 0x0500_0000
MASTERS = frozenset({DeviceNumber.DMA0, DeviceNumber.DMA1, DeviceNumber.IDE})


def waits() -> Script:
    while True:
        yield Vmmcall(Hypercall.RECEIVE, 0x8000, 64)


def spins() -> Script:
    while True:
        yield Spin(1000)


def test_a_page_moves_and_comes_back() -> None:
    """It arrives empty, works for its new owner, is gone for the old one, and comes back empty."""
    seen: list[object] = []

    def gives() -> Script:
        yield Write(PAGE, 0x1111)
        seen.append((yield Vmmcall(Hypercall.GIVE_PAGE, PAGE, 2)))
        seen.append((yield Read(PAGE)))
        while (yield Vmmcall(Hypercall.ACCEPT_PAGE, PAGE)) == Status.AGAIN:
            yield Vmmcall(Hypercall.YIELD)
        seen.append((yield Read(PAGE)))

    def takes() -> Script:
        seen.append((yield Read(PLACE)))
        while (yield Vmmcall(Hypercall.ACCEPT_PAGE, PLACE)) == Status.AGAIN:
            yield Vmmcall(Hypercall.YIELD)
        seen.append((yield Read(PLACE)))
        yield Write(PLACE, 0x2222)
        seen.append((yield Read(PLACE)))
        seen.append((yield Vmmcall(Hypercall.GIVE_PAGE, PLACE, 1)))
        seen.append((yield Read(PLACE)))

    world = World()
    first = world.guest(gives, one_to_one=True)
    world.guest(takes)
    world.run()
    assert sorted(seen) == sorted([0, 0, 0, 0, 0x2222] + [0xFFFF_FFFF] * 3)  # type: ignore[type-var]
    assert first.memory.pages[PAGE // PAGE_SIZE] == PAGE // PAGE_SIZE


def test_the_host_moves_a_page_under_a_running_guest() -> None:
    seen: list[int] = []

    def script() -> Script:
        yield Write(PAGE, 7)
        while True:
            seen.append((yield Read(PAGE)))
            yield Spin(1000)

    world = World()
    first, second = world.guest(script, one_to_one=True), world.guest(spins)
    world.run(20)
    assert world.kernel.move_page(first.number, PAGE // PAGE_SIZE, second.number, PLACE // PAGE_SIZE)
    assert not world.kernel.move_page(first.number, PAGE // PAGE_SIZE, second.number, PLACE // PAGE_SIZE)
    world.run(60)
    assert seen[0] == 7 and seen[-1] == 0xFFFF_FFFF and seen == sorted(seen)
    assert world.frame_bytes(second, PLACE, 8) == bytes(8)


def test_what_guests_offer_does_not_stand_in_the_hosts_way() -> None:
    """A guest that may give pages away fills the other's queue with offers: the host still moves its page, and the offers stay."""

    def script() -> Script:
        for n in range(MAX_OFFERED + 1):
            answers.append((yield Vmmcall(Hypercall.GIVE_PAGE, 0x40000 + n * PAGE_SIZE, 2)))
        while True:
            yield Spin(1000)

    answers: list[object] = []
    world = World()
    first, second = world.guest(script, one_to_one=True), world.guest(waits)
    world.run(60)
    assert answers == [Status.OK] * MAX_OFFERED + [Status.AGAIN]
    assert not world.kernel.move_page(first.number, PAGE // PAGE_SIZE, second.number, 1), "something is there"
    assert world.kernel.move_page(first.number, PAGE // PAGE_SIZE, second.number, PLACE // PAGE_SIZE)
    assert second.memory.pages[PLACE // PAGE_SIZE] == PAGE // PAGE_SIZE and len(second.offered) == MAX_OFFERED
    world.run(10)


def test_the_host_moves_no_page_over_a_device() -> None:
    """The page stays its owner's."""
    world = World()
    first, second = world.guest(spins, one_to_one=True), world.guest(spins, devices=frozenset({DeviceNumber.DMA0}))
    assert not world.kernel.move_page(first.number, PAGE // PAGE_SIZE, second.number, Physical.DMA_ENGINES // PAGE_SIZE)
    assert first.memory.pages[PAGE // PAGE_SIZE] == PAGE // PAGE_SIZE and not second.offered


def test_a_page_that_holds_page_tables_moves() -> None:
    """The old owner's translations through it end with it; nothing that the new owner writes there is ever used."""
    vectors: list[int] = []

    def script() -> Script:
        yield from paging_on()
        yield Write(0x10000 + 4 * 4, 0x20000 | Pte.P | Pte.RW)  # the table at 20000h serves 0100_0000h
        yield Write(0x20000, 0x5000 | Pte.P | Pte.RW)
        yield Write(0x0100_0000, 0x77)
        yield Vmmcall(Hypercall.GIVE_PAGE, 0x20000, 2)
        yield Spin(300_000)
        try:
            yield Write(0x0100_0000, 0x88)
        except GuestException as fault:
            vectors.append(fault.vector)

    def takes() -> Script:
        while (yield Vmmcall(Hypercall.ACCEPT_PAGE, PLACE)) == Status.AGAIN:
            yield Vmmcall(Hypercall.YIELD)
        yield Write(PLACE, 0x6000 | Pte.P | Pte.RW)
        yield from waits()

    world = World()
    first = world.guest(script, one_to_one=True)
    world.guest(takes)
    world.run()
    assert vectors == [14]
    assert world.frame_bytes(first, 0x5000, 4) == b"\x77\0\0\0"
    assert world.frame_bytes(first, 0x6000, 4) == bytes(4)


def test_a_device_moves_with_its_pages_interrupt_and_dma() -> None:
    at = Physical.DMA_ENGINES
    seen: list[object] = []

    def first_owner() -> Script:
        yield from dma([(0x1234, PAGE, 64, DescriptorFlag.FILL | DescriptorFlag.LAST)])
        seen.append((yield Read(PAGE + 60)))
        seen.append((yield Vmmcall(Hypercall.GIVE_DEVICE, DeviceNumber.DMA0, 2)))
        seen.append((yield Read(at + DMA_ENGINE["WORDS_MOVED"].offset)))
        yield Write(at + DMA_ENGINE["CONTROL"].offset, 1)

    def second_owner(offset: list[int]) -> Script:
        while (yield Read(at)) == 0xFFFF_FFFF:
            yield Vmmcall(Hypercall.YIELD)
        seen.append((yield Read(at + DMA_ENGINE["WORDS_MOVED"].offset)))
        chain = [(0x5678, offset[0] + PAGE, 64, DescriptorFlag.FILL | DescriptorFlag.LAST)]
        for word, value in enumerate(chain[0]):
            yield Write(0x9000 + 4 * word, value)
        yield Write(at + DMA_ENGINE["DESCRIPTOR"].offset, offset[0] + 0x9000)
        yield Write(at + DMA_ENGINE["CONTROL"].offset, 1)
        yield Spin(1000)
        yield Spin(1000)
        seen.append((yield Read(PAGE + 60)))

    world = World()
    offset = [0]
    world.guest(first_owner, one_to_one=True, devices=MASTERS)
    second = world.guest(lambda: second_owner(offset))
    offset[0] = second.memory.offset * PAGE_SIZE
    formats = [world.kernel.policy.format]
    world.run()
    assert seen == [0x1234, Status.OK, 0xFFFF_FFFF, 0, 0x5678]
    assert world.kernel.policy.owners == [2, 1, 1]
    formats.append(world.kernel.policy.format)
    assert world.kernel.move_device(DeviceNumber.DMA1, 2)
    formats.append(world.kernel.policy.format)
    assert world.kernel.move_device(DeviceNumber.IDE, 2)
    formats.append(world.kernel.policy.format)
    assert formats == [Format.UNIFORM, Format.PER_REQUESTER, Format.PER_REQUESTER, Format.UNIFORM]
    world.run(10)


def test_ports_move_with_their_device() -> None:
    def prints(text: bytes) -> Script:
        for byte in text:
            yield Out(Port.COM1, byte)
        yield from waits()

    world = World()
    first = world.guest(lambda: prints(b"one"), one_to_one=True, devices=frozenset({DeviceNumber.COM1}))
    second = world.guest(lambda: prints(b"two"))
    world.run()
    assert bytes(world.machine.com1) == b"one" and bytes(second.console) == b"two" and not first.console
    assert world.kernel.move_device(DeviceNumber.COM1, second.number)
    assert DeviceNumber.COM1 in second.devices and DeviceNumber.COM1 not in first.devices


def test_a_refused_access_is_logged_and_the_engine_goes_on() -> None:
    """Liveness: a refusal is answered and reported, and what is allowed still gets through."""
    target = 0x0038_0000
    seen: list[object] = []

    def script() -> Script:
        yield from dma([(0xBAD, target, 4, DescriptorFlag.FILL | DescriptorFlag.LAST)])
        seen.append((yield Read(Physical.DMA_ENGINES + DMA_ENGINE["ERROR_ADDRESS"].offset)))
        yield from dma([(0x600D, PAGE, 4, DescriptorFlag.FILL | DescriptorFlag.LAST)])
        seen.append((yield Read(PAGE)))

    world = World()
    world.guest(script, one_to_one=True, devices=MASTERS)
    world.guest(waits)
    world.run()
    assert seen == [target, 0x600D]
    assert world.kernel.refusals == [Refusal(2, target, True)]


def test_a_device_that_does_not_come_to_rest_is_nobodys() -> None:
    world = World()
    first, second = world.guest(waits, one_to_one=True, devices=MASTERS), world.guest(waits)
    engine = world.machine.memory.engines[0]
    engine.busy, engine.step = True, lambda: None  # type: ignore[method-assign]
    assert not world.kernel.move_device(DeviceNumber.DMA0, second.number)
    assert DeviceNumber.DMA0 not in first.devices | second.devices and world.kernel.policy.owners[0] is None
    world.run(20)


def test_invlpg_and_accept_meet() -> None:
    """A place that was absent, and cached as such, shows the accepted page at once."""
    seen: list[object] = []

    def script() -> Script:
        yield Write(PLACE, 5)  # goes nowhere
        yield Invlpg(0x9000)
        assert (yield Vmmcall(Hypercall.ACCEPT_PAGE, PLACE)) == Status.OK
        seen.append((yield Read(PLACE)))

    world = World()
    giver = world.guest(waits, one_to_one=True)
    receiver = world.guest(script)
    assert world.kernel.mover.give_page(giver, 0x30, receiver)
    world.run()
    assert seen == [0]
