"""Channels between guests: both ends consent and are told who the other is; nothing is lost, nobody spins; what ends is told."""

import json

import pytest

from cocotb_tests.isolation_kernel.channel_calls import (
    BUFFER,
    NAME,
    ONE,
    OTHER,
    PAGE,
    THERE,
    calls,
    closes,
    maps,
    opens,
    receives,
    sends,
    shares,
    turns,
    waits_for_any,
)  # fmt: skip
from cocotb_tests.isolation_kernel.governed import everything, load, named, without
from cocotb_tests.isolation_kernel.world import FIRST_MEMORY, World
from contracts.hypercalls import IDENTITY_SIZE, MAX_MESSAGE, MAX_QUEUED, Hypercall, Status
from contracts.identity import identity
from contracts.memory_map import PAGE_SIZE
from contracts.policy import Policy
from contracts.report import Step
from contracts.rights import Right
from isolation_kernel.model.script import GuestException, Read, Script, SetRing, Vmmcall, Write
from isolation_kernel.partition import State

# opening


def test_each_end_is_told_the_others_identity() -> None:
    world = World()
    guests = [load(world, named("one"), calls([], opens(OTHER))), load(world, named("other"), calls([], opens(ONE)))]
    world.run()
    told = [world.frame_bytes(guest, NAME, IDENTITY_SIZE).hex() for guest in guests]
    assert told == [identity(named("other")), identity(named("one"))]


def test_it_sleeps_until_both_want_it() -> None:
    seen: list[object] = []

    def later() -> Script:
        yield from turns(20)
        assert not seen
        seen.append((yield opens(ONE)))

    world = World()
    one, other = world.guest(calls(seen, opens(OTHER))), world.guest(later)
    exits = []
    while not other.channels:
        world.kernel.step()
        exits.append(one.exits)
    world.run()
    assert seen == [Status.OK] * 2 and exits.count(exits[-1]) > 20
    assert one.channels[OTHER] is other.channels[ONE] and (set(one.channels), set(other.channels)) == ({OTHER}, {ONE})


def test_opening_what_is_open_tells_it_again() -> None:
    seen: list[object] = []
    world = World()
    world.guest(calls(seen, opens(OTHER), opens(OTHER), sends(OTHER)))
    other = world.guest(calls(seen, opens(ONE), receives(ONE), opens(ONE)))
    world.run()
    assert len(seen) == 6 and seen.count(Status.OK) == 5 and 4 in seen and len(other.channels) == 1


@pytest.mark.parametrize("number", (ONE, 0, 3, 99, 0xFFFF_FFFF))
def test_there_is_no_channel_to_oneself_or_to_nobody(number: int) -> None:
    seen: list[object] = []
    world = World()
    world.guest(calls(seen, opens(number)))
    world.run()
    assert seen == [Status.BAD_ARGUMENT]


def test_both_need_the_right_about_the_other() -> None:
    """Neither end's policy opens it for both, and every decision is in the log."""
    one, other = named("one"), named("other")
    for lacks in (one, other):
        seen: dict[str, list[object]] = {"one": [], "other": []}
        log: list[str] = []
        world = World(policy=Policy(without(everything((one, other)), lacks, Right.CHANNEL)), log=log.append)
        partitions = [load(world, one, calls(seen["one"], opens(OTHER))), load(world, other, calls(seen["other"], opens(ONE)))]
        world.run()
        assert seen == {"one": [], "other": []} | {lacks.name: [Status.DENIED]}
        assert not any(partition.channels for partition in partitions)
        records = [json.loads(line.split(" ", 1)[1]) for line in log]
        decided = [(r["who"], r["about"], r["decision"]) for r in records if r.get("what") == "CHANNEL"]
        expected = {(identity(a), identity(b), "refused" if a is lacks else "allowed") for a, b in ((one, other), (other, one))}
        assert set(decided) == expected


def test_a_guest_cannot_tell_whether_one_it_may_not_open_lives() -> None:
    one, other = named("one"), named("other")
    seen: list[object] = []
    world = World(policy=Policy(without(everything((one, other)), one, Right.CHANNEL)))
    load(world, one, calls(seen, opens(OTHER), opens(7), sends(OTHER), sends(7), receives(OTHER), receives(7)))
    load(world, other, calls([]))
    world.run()
    assert seen == [Status.DENIED] * 2 + [Status.CLOSED] * 4


# messages


def test_messages_arrive_whole_in_order_and_both_ways() -> None:
    large = bytes(range(251)) * 17
    sent = [b"", b"a", b"two words", large[:MAX_MESSAGE], b"the last one"]
    places = [0x1_0000 + 2 * PAGE_SIZE * n + 0xFF9 for n in range(len(sent))]  # unaligned, and the large one over pages
    lengths: list[object] = []

    def speaks() -> Script:
        yield opens(OTHER)
        for place, message in zip(places, sent, strict=True):
            assert (yield sends(OTHER, len(message), place)) == Status.OK
        lengths.append((yield receives(OTHER)))

    def listens() -> Script:
        yield opens(ONE)
        for place in places:
            lengths.append((yield receives(ONE, MAX_MESSAGE, place + 1)))
        yield Write(BUFFER, 0x6B6F)
        yield sends(ONE, 2)

    world = World()
    one = world.guest(speaks, segments=tuple(zip(places, sent, strict=True)))
    other = world.guest(listens)
    world.run()
    assert lengths == [*map(len, sent), 2]
    for place, message in zip(places, sent, strict=True):
        assert other.memory.read(place + 1, len(message)) == message
    assert world.frame_bytes(one, BUFFER, 4) == b"ok\0\0"


def test_a_full_queue_puts_the_sender_to_sleep_and_loses_nothing() -> None:
    count = 3 * MAX_QUEUED
    got: list[object] = []

    def speaks() -> Script:
        yield opens(OTHER)
        for n in range(count):
            yield Write(BUFFER, n)
            assert (yield sends(OTHER)) == Status.OK

    def listens() -> Script:
        yield opens(ONE)
        yield from turns(60)
        assert one.state is State.WAITING and one.exits == exits[-1] > 0
        for _ in range(count):
            yield receives(ONE)
            got.append((yield Read(BUFFER)))

    world = World()
    one, other = world.guest(speaks), world.guest(listens)
    exits: list[int] = []
    longest = 0
    for _ in range(2000):
        exits.append(one.exits)
        if world.run(1) is not Step.RAN:
            break
        longest = max(longest, *(len(q) for c in other.channels.values() for q in c.queues.values()), 0)
    assert got == list(range(count)) and longest == MAX_QUEUED
    assert exits.count(max(exits, key=exits.count)) > 40, "it slept while nobody received"


def test_who_does_not_want_to_wait_need_not() -> None:
    seen: list[object] = []
    world = World()
    world.guest(calls(seen, opens(OTHER), receives(OTHER, wait=False), *[sends(OTHER, wait=False)] * (MAX_QUEUED + 1)))
    world.guest(calls([], opens(ONE)))
    world.run()
    assert seen == [Status.OK, Status.AGAIN, *[Status.OK] * MAX_QUEUED, Status.AGAIN]


def test_a_message_that_does_not_fit_waits_for_a_larger_buffer() -> None:
    seen: list[object] = []
    world = World()
    world.guest(calls([], opens(OTHER), sends(OTHER, 8)))
    world.guest(calls(seen, opens(ONE), receives(ONE, 7), receives(ONE, 8)))
    world.run()
    assert seen == [Status.OK, Status.BAD_ARGUMENT, 8]


def test_the_hosts_messages_and_a_channels_do_not_mix() -> None:
    seen: list[object] = []
    world = World()
    world.guest(calls([], opens(OTHER), sends(OTHER, 3)))
    other = world.guest(calls(seen, opens(ONE), receives(0), sends(0, 5), receives(ONE)))
    world.run()
    assert seen == [Status.OK] and other.state is State.WAITING
    assert world.kernel.post_message(OTHER, b"seven..")
    world.run()
    assert seen == [Status.OK, 7, Status.OK, 3] and [len(answer) for answer in world.kernel.take_answers(OTHER)] == [5]


# what is closed, or dead


@pytest.mark.parametrize("how", (closes(OTHER), Vmmcall(Hypercall.SHUTDOWN, 0)), ids=("closes", "ends"))
def test_what_was_sent_is_received_and_then_the_end_is_told(how: Vmmcall) -> None:
    seen: list[object] = []

    def listens() -> Script:
        yield opens(ONE)
        yield from turns(20)
        for call in (
            receives(ONE),
            receives(ONE),
            receives(ONE),
            sends(ONE),
            maps(ONE),
            shares(ONE),
            closes(ONE),
            closes(ONE),
            receives(ONE),
        ):
            seen.append((yield call))

    world = World()
    world.guest(calls([], opens(OTHER), sends(OTHER, 1), sends(OTHER, 2), how))
    world.guest(listens)
    world.run()
    assert seen == [1, 2, *[Status.CLOSED] * 4, Status.OK, Status.CLOSED, Status.CLOSED]


@pytest.mark.parametrize("asleep", (receives(ONE), sends(ONE), opens(ONE)), ids=("RECEIVE", "SEND", "OPEN"))
@pytest.mark.parametrize("ends", (False, True), ids=("closes", "ends"))
def test_who_sleeps_is_woken_by_the_end(asleep: Vmmcall, ends: bool) -> None:
    seen: list[object] = []
    opening = asleep.number == Hypercall.OPEN

    def goes() -> Script:
        if not opening:
            yield opens(OTHER)
        yield from turns(60)
        yield Vmmcall(Hypercall.SHUTDOWN, 0) if ends or opening else closes(OTHER)

    def sleeps() -> Script:
        if not opening:
            yield opens(ONE)
        while (answer := (yield asleep)) == Status.OK:
            pass
        seen.append(answer)

    world = World()
    world.guest(goes)
    other = world.guest(sleeps)
    world.run(40)
    assert other.state is State.WAITING and not seen
    world.run()
    assert seen == [Status.BAD_ARGUMENT if opening else Status.CLOSED]


def test_another_guest_in_the_place_of_one_that_has_ended_is_another() -> None:
    """Its number is the same, and yet the channel is not: it has to be opened anew, and tells who is there now."""
    seen: list[object] = []
    new: list[object] = []
    world = World()
    one = load(world, named("one"), calls(seen, opens(OTHER), receives(0), sends(OTHER), receives(OTHER), opens(OTHER), receives(OTHER)))
    load(world, named("other"), calls([], opens(ONE), Vmmcall(Hypercall.SHUTDOWN, 0)))
    world.run()
    assert world.frame_bytes(one, NAME, IDENTITY_SIZE).hex() == identity(named("other"))
    third = world.kernel.load_guest(named("third"), OTHER)
    world.machine.attach(third.vcpu.block, calls(new, receives(ONE), sends(ONE), opens(ONE), sends(ONE)))
    world.kernel.post_message(ONE, b"go on")
    world.run()
    assert seen == [Status.OK, 5, Status.CLOSED, Status.CLOSED, Status.OK, 4] and new == [Status.CLOSED] * 2 + [Status.OK] * 2
    assert world.frame_bytes(one, NAME, IDENTITY_SIZE).hex() == identity(named("third"))


# bad arguments

OUTSIDE = FIRST_MEMORY
BAD: dict[Status, list[Vmmcall]] = {
    Status.BAD_ARGUMENT: [
        opens(OTHER, OUTSIDE), opens(OTHER, OUTSIDE - 16), opens(OTHER, 0xFFFF_FFF0), opens(OTHER, 0xFED8_0000),
        sends(OTHER, MAX_MESSAGE + 1), sends(OTHER, 0xFFFF_FFFF), sends(OTHER, 8, OUTSIDE - 4), sends(OTHER, 4, 0xFFFF_FFFE),
        receives(OTHER, MAX_MESSAGE + 1), receives(OTHER, 8, OUTSIDE - 4), receives(OTHER, 4, 0xA_0000),
        shares(OTHER, PAGE + 1), maps(OTHER, THERE + 4), maps(OTHER, PAGE), maps(OTHER, 0xFED8_0000), maps(OTHER, 0xFFFF_F000),
    ],
    Status.CLOSED: [
        sends(ONE), sends(3), sends(0xFFFF_FFFF), receives(ONE), receives(3), receives(0x8000_0000), closes(0), closes(ONE), closes(3),
        shares(0), shares(3), maps(3),
    ],
    Status.NOT_OWNER: [shares(OTHER, OUTSIDE), shares(OTHER, 0xFED8_0000), shares(OTHER, 0xFFFF_F000), shares(OTHER, 0xA_0000)],
    Status.AGAIN: [maps(OTHER)],
}  # fmt: skip


def test_bad_arguments_change_nothing() -> None:
    """Partitions 2 and 3 have a channel with a shared page and a message; partition 1 has one to 2, and is refused all else."""
    seen: list[object] = []

    def tries() -> Script:
        yield opens(OTHER)
        yield from turns(30)
        yield from calls(seen, *(call for wrong in BAD.values() for call in wrong))()

    def serves() -> Script:
        yield opens(ONE)
        yield opens(3)
        yield shares(3)
        yield sends(3)
        yield receives(3)

    world = World()
    one, other = world.guest(tries, one_to_one=True), world.guest(serves)
    third = world.guest(calls([], opens(OTHER), receives(OTHER), maps(OTHER), receives(OTHER)))
    world.run()
    assert seen == [status for status, wrong in BAD.items() for _ in wrong]
    assert not one.memory.shared and not any(one.channels[OTHER].queues.values()) and one.channels[OTHER].page is None
    assert third.channels[OTHER].open and list(third.memory.shared.values()) == list(other.memory.shared.values())
    assert other.state is third.state is State.WAITING


def test_applications_have_no_channels() -> None:
    seen: list[int] = []

    def script() -> Script:
        yield SetRing(3)
        for call in (opens(OTHER), sends(OTHER), receives(OTHER), closes(OTHER), shares(OTHER), maps(OTHER), waits_for_any()):
            try:
                yield call
            except GuestException as fault:
                seen.append(fault.vector)

    world = World()
    world.guest(script)
    world.guest(calls([], opens(ONE)))
    world.run()
    assert seen == [6] * 7
