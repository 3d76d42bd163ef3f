"""Every hypercall: what it does, and its answer to bad arguments."""

import pytest

from cocotb_tests.isolation_kernel.world import FIRST_MEMORY, LAYOUT, SECOND_MEMORY, World
from contracts.architecture import Exc
from contracts.configuration import Right
from contracts.devices import DeviceNumber
from contracts.hypercalls import MAX_MESSAGE, MAX_QUEUED, Hypercall, Status
from contracts.report import Step
from isolation_kernel.model.script import GuestException, Read, Script, SetRing, Vmmcall, Write
from isolation_kernel.partition import MAX_OFFERED, State

BUFFER = 0x8000
NEIGHBOUR = LAYOUT.kernel_base - SECOND_MEMORY  # where the second guest's memory lies
BAD_BUFFERS = [
    (FIRST_MEMORY, 4), (FIRST_MEMORY - 2, 4), (0xA0000, 4), (0x9FFFC, 8), (NEIGHBOUR, 16), (LAYOUT.kernel_base, 16), (0xFEC1_0000, 4),
    (0xFED8_0000, 4), (0xFFFF_FFFF, 2), (0xFFFF_FFFC, 8), (BUFFER, MAX_MESSAGE + 1), (BUFFER, 0xFFFF_FFFF), (0xFFFF_F000, 0xFFFF_FFFF),
]  # fmt: skip


def answers(calls: list[Vmmcall], rights: frozenset[Right] = frozenset(Right), **more: object) -> tuple[World, list[object]]:
    """Results of hypercalls of guest 1, which owns DMA0, beside a silent guest 2."""
    seen: list[object] = []

    def script() -> Script:
        for call in calls:
            seen.append((yield call))

    def silent() -> Script:
        while True:
            yield Vmmcall(Hypercall.RECEIVE, BUFFER, 64)

    world = World()
    world.guest(script, one_to_one=True, rights=rights, devices=frozenset({DeviceNumber.DMA0}), **more)  # type: ignore[arg-type]
    world.guest(silent)
    world.run()
    return world, seen


@pytest.mark.parametrize("call", (Hypercall.CONSOLE_WRITE, Hypercall.SEND, Hypercall.RECEIVE))
def test_bad_buffers(call: Hypercall) -> None:
    world, seen = answers([Vmmcall(call, address, size) for address, size in BAD_BUFFERS])
    assert seen == [Status.BAD_ARGUMENT] * len(BAD_BUFFERS)
    assert not world.kernel.partitions[1].console and not world.kernel.partitions[1].answers


@pytest.mark.parametrize("number", (17, 100, 0x8000_0000, 0xFFFF_FFFF))
def test_unknown_calls(number: int) -> None:
    assert answers([Vmmcall(number, 1, 2)])[1] == [Status.BAD_CALL]


def test_rights_are_needed() -> None:
    calls = [
        Vmmcall(Hypercall.RECEIVE, BUFFER, 4), Vmmcall(Hypercall.SEND, BUFFER, 4), Vmmcall(Hypercall.GIVE_PAGE, 0x9000, 2),
        Vmmcall(Hypercall.GIVE_DEVICE, DeviceNumber.DMA0, 2), Vmmcall(Hypercall.SYSTEM_SHUTDOWN, 0),
    ]  # fmt: skip
    world, seen = answers(calls, rights=frozenset())
    assert seen == [Status.DENIED] * len(calls)
    assert not world.kernel.over


def test_give_page_arguments() -> None:
    give = Hypercall.GIVE_PAGE
    cases = {
        (0x9001, 2): Status.BAD_ARGUMENT, (0x9000, 0): Status.BAD_ARGUMENT, (0x9000, 1): Status.BAD_ARGUMENT,
        (0x9000, 3): Status.BAD_ARGUMENT,
        (0x9000, 0xFFFF_FFFF): Status.BAD_ARGUMENT, (NEIGHBOUR, 2): Status.NOT_OWNER, (0xFEC1_0000, 2): Status.NOT_OWNER,
        (LAYOUT.kernel_base, 2): Status.NOT_OWNER, (0xFFFF_F000, 2): Status.NOT_OWNER, (0x9000, 2): Status.OK,
    }  # fmt: skip
    world, seen = answers([Vmmcall(give, *case) for case in cases] + [Vmmcall(give, 0x9000, 2)])
    assert seen == [*cases.values(), Status.NOT_OWNER]
    assert list(world.kernel.partitions[2].offered) == [9]


def test_offers_are_bounded() -> None:
    _, seen = answers([Vmmcall(Hypercall.GIVE_PAGE, 0x20000 + 0x1000 * n, 2) for n in range(MAX_OFFERED + 2)])
    assert seen == [Status.OK] * MAX_OFFERED + [Status.AGAIN] * 2


def test_accept_page_arguments() -> None:
    cases = {0x9004: Status.BAD_ARGUMENT, 0x9000: Status.BAD_ARGUMENT, 0xFEC1_0000: Status.BAD_ARGUMENT, 0x0700_0000: Status.AGAIN}
    assert answers([Vmmcall(Hypercall.ACCEPT_PAGE, a) for a in cases])[1] == list(cases.values())


def test_give_device_arguments() -> None:
    cases = {
        (4, 2): Status.BAD_ARGUMENT, (0xFFFF_FFFF, 2): Status.BAD_ARGUMENT, (0, 1): Status.BAD_ARGUMENT, (0, 9): Status.BAD_ARGUMENT,
        (1, 2): Status.NOT_OWNER, (2, 2): Status.NOT_OWNER, (3, 2): Status.NOT_OWNER, (0, 2): Status.OK,
    }  # fmt: skip
    world, seen = answers([Vmmcall(Hypercall.GIVE_DEVICE, *case) for case in cases] + [Vmmcall(Hypercall.GIVE_DEVICE, 0, 2)])
    assert seen == [*cases.values(), Status.NOT_OWNER]
    assert world.kernel.partitions[2].devices == {DeviceNumber.DMA0}


def test_sends_are_bounded_and_in_order() -> None:
    world, seen = answers([Vmmcall(Hypercall.SEND, BUFFER + n, n) for n in range(MAX_QUEUED + 1)])
    assert seen == [Status.OK] * MAX_QUEUED + [Status.AGAIN]
    assert [len(a) for a in world.kernel.take_answers(1)] == list(range(MAX_QUEUED))
    assert world.kernel.take_answers(1) == []


def test_receive_blocks_until_a_message_and_checks_again() -> None:
    seen: list[object] = []

    def script() -> Script:
        yield Vmmcall(Hypercall.RECEIVE, BUFFER + 2, 5)
        seen.append((yield Read(BUFFER)))
        seen.append((yield Read(BUFFER + 4)))
        seen.append((yield Vmmcall(Hypercall.RECEIVE, BUFFER, 3)))  # too small for the next
        seen.append((yield Vmmcall(Hypercall.RECEIVE, BUFFER + 0xFFE, 64)))  # across two pages
        seen.append((yield Read(BUFFER + 0x1000)))

    world = World()
    guest = world.guest(script)
    assert world.run() is Step.IDLE and guest.state is State.WAITING
    exits = guest.exits
    assert world.kernel.post_message(guest.number, b"abcde") and world.kernel.post_message(guest.number, b"01234567")
    assert guest.exits == exits  # the call is completed, not made again
    world.run()
    assert seen == [0x6261_0000, 0x0065_6463, Status.BAD_ARGUMENT, 8, 0x3534_3332]


def test_messages_are_bounded() -> None:
    world, _ = answers([Vmmcall(Hypercall.YIELD)])
    post = world.kernel.post_message
    assert not post(1, bytes(MAX_MESSAGE + 1)) and not post(7, b"nobody")
    assert [post(1, b"x") for _ in range(MAX_QUEUED + 1)] == [True] * MAX_QUEUED + [False]


def test_applications_have_no_hypercalls() -> None:
    seen: list[int] = []

    def script() -> Script:
        yield SetRing(3)
        for call in range(10):
            try:
                yield Vmmcall(call, 0x9000, 2)
            except GuestException as fault:
                seen.append(fault.vector)

    world = World()
    guest = world.guest(script)
    world.run()
    assert seen == [Exc.UD] * 10 and guest.alive


def test_shutdown_of_one_and_of_all() -> None:
    def ends() -> Script:
        yield Write(0x9000, 1)
        yield Vmmcall(Hypercall.SHUTDOWN, 7)

    def ends_all() -> Script:
        for _ in range(20):
            yield Vmmcall(Hypercall.YIELD)
        yield Vmmcall(Hypercall.SYSTEM_SHUTDOWN, 3)

    world = World()
    one, other = world.guest(ends), world.guest(ends_all)
    assert world.run() is Step.OVER
    assert (one.exit_status, world.kernel.exit_status, world.machine.is_shut_down) == (7, 3, True)
    assert not one.alive and not other.alive
    assert not world.kernel.frames.owned_by(one.number)
