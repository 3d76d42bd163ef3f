"""The page of a channel: both ends reach it while the channel is open, nobody and nothing else, and neither afterwards."""

import pytest

from cocotb_tests.isolation_kernel.channel_calls import (
    ONE,
    OTHER,
    PAGE,
    THERE,
    Steps,
    again,
    calls,
    closes,
    maps,
    opens,
    receives,
    sends,
    shares,
    turns,
)  # fmt: skip
from cocotb_tests.isolation_kernel.world import World, paging_on
from contracts.devices import DeviceNumber
from contracts.hypercalls import Hypercall, Status
from contracts.memory_map import PAGE_SIZE
from isolation_kernel.frames import Owner
from isolation_kernel.model.script import GuestException, Read, Script, Vmmcall, Write


def test_what_one_writes_in_the_page_the_other_reads() -> None:
    seen: list[object] = []

    def gives() -> Script:
        yield from paging_on()
        yield Write(PAGE, 0x5EC2_E75E)
        yield opens(OTHER)
        assert (yield shares(OTHER)) == Status.OK
        seen.append((yield Read(PAGE)))  # clean
        yield Write(PAGE + 8, 0x1234)
        yield sends(OTHER)
        yield receives(OTHER)
        seen.append((yield Read(PAGE + 12)))

    def takes() -> Script:
        yield opens(ONE)
        yield receives(ONE)
        assert (yield maps(ONE)) == Status.OK
        seen.append((yield Read(THERE)))
        seen.append((yield Read(THERE + 8)))
        yield Write(THERE + 12, 0x4321)
        yield sends(ONE)

    world = World()
    one, other = world.guest(gives), world.guest(takes)
    world.run()
    assert seen == [0, 0, 0x1234, 0x4321]
    (frame,) = world.kernel.frames.owned_by(Owner.SHARED)
    assert one.memory.shared == {PAGE >> 12: frame} and other.memory.shared == {THERE >> 12: frame}
    assert PAGE >> 12 not in one.memory.pages


@pytest.mark.parametrize("who", ("giver", "taker"))
@pytest.mark.parametrize("how", ("closes", "ends"))
def test_behind_the_end_neither_reaches_it_and_the_giver_has_it_clean(who: str, how: str) -> None:
    """The giver is the first guest; the one that does not go looks what it finds afterwards."""
    seen: list[object] = []

    def goes(peer: int) -> Script:
        yield closes(peer) if how == "closes" else Vmmcall(Hypercall.SHUTDOWN, 0)
        if how == "closes":
            seen.append((yield Read(PAGE if who == "giver" else THERE)))

    def stays(peer: int) -> Steps:
        seen.append((yield receives(peer)))
        seen.append((yield Read(THERE if who == "giver" else PAGE)))

    def gives() -> Script:
        yield opens(OTHER)
        yield shares(OTHER)
        yield Write(PAGE, 1)
        yield from turns(20)
        yield from goes(OTHER) if who == "giver" else stays(OTHER)
        yield from turns(10)

    def takes() -> Script:
        yield opens(ONE)
        yield from again(maps(ONE))
        yield Write(THERE + 4, 2)
        yield from goes(ONE) if who == "taker" else stays(ONE)
        yield from turns(10)

    world = World()
    one, other = world.guest(gives), world.guest(takes)
    frame = one.memory.pages[PAGE >> 12]
    world.run(400)
    nothing = 0xFFFF_FFFF
    assert (Status.CLOSED in seen) and not one.memory.shared and not other.memory.shared
    found = [value for value in seen if value != Status.CLOSED]
    giver_finds, taker_finds = 0, nothing
    stayer = taker_finds if who == "giver" else giver_finds
    goer = [giver_finds if who == "giver" else taker_finds] if how == "closes" else []
    assert sorted(found) == sorted([stayer, *goer])  # type: ignore[type-var]
    gone = how == "ends" and who == "giver"
    assert world.kernel.frames.owner(frame) == (Owner.FREE if gone else ONE) and not world.kernel.frames.owned_by(Owner.SHARED)
    assert gone or one.memory.pages[PAGE >> 12] == frame
    assert not any(world.machine.memory.ram[frame * PAGE_SIZE : (frame + 1) * PAGE_SIZE])


def test_an_engine_of_an_end_reaches_the_page_before_and_after_and_not_while_it_is_shared() -> None:
    admitted: list[bool] = []

    def gives() -> Script:
        for step in (opens(OTHER), shares(OTHER), closes(OTHER)):
            admitted.append(frame in world.kernel.policy.admitted[DeviceNumber.DMA0])
            assert (yield step) == Status.OK
        admitted.append(frame in world.kernel.policy.admitted[DeviceNumber.DMA0])

    world = World()
    one = world.guest(gives, one_to_one=True, devices=frozenset({DeviceNumber.DMA0}))
    world.guest(calls([], opens(ONE)))
    frame = one.memory.pages[PAGE >> 12]
    world.run()
    assert admitted == [True, True, False, True]


def test_nothing_else_can_be_done_with_a_shared_page() -> None:
    """The kernel neither reads nor writes there, it is no page table, and it cannot be given away or covered."""
    seen: list[object] = []

    def gives() -> Script:
        yield from paging_on()
        yield opens(OTHER)
        yield shares(OTHER)
        yield from calls(
            seen, sends(OTHER, address=PAGE), receives(OTHER, address=PAGE, wait=False), sends(0, address=PAGE), opens(OTHER, PAGE),
            Vmmcall(Hypercall.CONSOLE_WRITE, PAGE, 4), Vmmcall(Hypercall.GIVE_PAGE, PAGE, OTHER), shares(OTHER),
            shares(OTHER, PAGE + PAGE_SIZE), maps(OTHER), maps(OTHER, PAGE), Vmmcall(Hypercall.ACCEPT_PAGE, PAGE),
        )()  # fmt: skip
        yield Write(PAGE, 0x30_0067)
        yield Write(0x1_0000 + 4 * 5, PAGE | 7)  # a directory entry that leads to it
        try:
            yield Read(5 << 22)
        except GuestException as fault:
            seen.append((fault.vector, fault.error))

    world = World()
    one = world.guest(gives)
    world.guest(calls([], opens(ONE)))
    world.run()
    bad, not_owner = Status.BAD_ARGUMENT, Status.NOT_OWNER
    assert seen == [bad, bad, bad, bad, bad, not_owner, not_owner, bad, bad, bad, bad, (14, 0)]
    assert not world.kernel.move_page(OTHER, 9, ONE, PAGE >> 12) and not one.console
