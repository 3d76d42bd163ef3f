"""WAIT: a guest with several channels sleeps in one call until something has happened in any of them, and is told where, in turn."""

from collections.abc import Callable

import pytest

from cocotb_tests.isolation_kernel.channel_calls import calls, closes, opens, receives, sends, turns, waits_for_any
from cocotb_tests.isolation_kernel.governed import everything, load, named, without
from cocotb_tests.isolation_kernel.world import World
from contracts.hypercalls import HOST_END, MAX_QUEUED, Hypercall, Status
from contracts.policy import Policy
from contracts.report import Step
from contracts.rights import Right
from isolation_kernel.model.script import Operation, Script, Vmmcall
from isolation_kernel.partition import State

SERVER, A, B = 1, 2, 3


def server(seen: list[object], *then: Operation, of: tuple[int, ...] = (A, B)) -> Callable[[], Script]:
    """Opens channels to these guests, forgets what it was told of that, and goes on."""

    def script() -> Script:
        for number in of:
            yield opens(number)
        yield from turns(20)
        while (yield waits_for_any(wait=False)) != Status.AGAIN:
            pass
        yield from calls(seen, *then)()

    return script


def client(*then: Operation, after: int = 60) -> Callable[[], Script]:
    def script() -> Script:
        yield opens(SERVER)
        yield from turns(after)
        yield from calls([], *then)()

    return script


def test_it_sleeps_until_there_is_something_in_any_channel() -> None:
    seen: list[object] = []
    world = World()
    one = world.guest(server(seen, waits_for_any(), receives(B, wait=False), waits_for_any(), receives(A, wait=False)))
    world.guest(client(sends(SERVER, 3), after=200))
    world.guest(client(sends(SERVER, 5), after=120))
    exits = []
    while world.run(1) is Step.RAN and len(seen) < 4:
        exits.append(one.exits)
    assert seen == [B, 5, A, 3]
    assert max(map(exits.count, set(exits))) > 60, "it makes no call meanwhile"


def test_who_does_not_want_to_wait_need_not() -> None:
    seen: list[object] = []
    world = World()
    world.guest(calls(seen, waits_for_any(wait=False)))
    world.run()
    assert seen == [Status.AGAIN]


def test_each_has_its_turn_however_much_another_sends() -> None:
    """A's queue is never empty, and B's one message is the second that is served."""
    served: list[int] = []

    def serves() -> Script:
        yield from server([])()
        yield from turns(150)
        for _ in range(2 * MAX_QUEUED + 1):
            served.append((yield waits_for_any()))
            assert (yield receives(served[-1], wait=False)) >= 0

    world = World()
    world.guest(serves)
    world.guest(client(*[sends(SERVER)] * (2 * MAX_QUEUED)))
    world.guest(client(sends(SERVER), after=100))
    world.run()
    assert served == [A, B, *[A] * (2 * MAX_QUEUED - 1)]


@pytest.mark.parametrize("how", (closes(SERVER), Vmmcall(Hypercall.SHUTDOWN, 0)), ids=("closes", "ends"))
def test_an_end_is_told(how: Vmmcall) -> None:
    seen: list[object] = []
    world = World()
    world.guest(server(seen, waits_for_any(), receives(A), closes(A), waits_for_any(wait=False), of=(A,)))
    world.guest(client(how))
    world.run()
    assert seen == [A, Status.CLOSED, Status.OK, Status.AGAIN]


def test_room_is_told_where_there_was_none() -> None:
    seen: list[object] = []
    world = World()
    flood = [sends(A, wait=False)] * (MAX_QUEUED + 1)
    world.guest(server(seen, *flood, waits_for_any(), sends(A, wait=False), waits_for_any(), of=(A,)))
    world.guest(client(receives(SERVER), *turns(40), receives(SERVER), after=100))
    world.run()
    assert seen == [*[Status.OK] * MAX_QUEUED, Status.AGAIN, A, Status.OK, A], "the second one made room again"


def test_the_hosts_messages_are_told() -> None:
    seen: list[object] = []
    world = World()
    one = world.guest(calls(seen, waits_for_any(), receives(HOST_END), waits_for_any()))
    world.run()
    assert one.state is State.WAITING
    assert world.kernel.post_message(one.number, b"seven..")
    world.run()
    assert seen == [HOST_END, 7] and one.state is State.WAITING


def test_who_asks_for_a_channel_is_told_and_who_does_not_wait_has_not_asked() -> None:
    seen: list[object] = []
    world = World()
    world.guest(calls(seen, waits_for_any(), opens(B), receives(B)))
    world.guest(calls([], Vmmcall(Hypercall.OPEN, SERVER, 0x9000, esi=1), *turns(200)))
    world.guest(calls([], *turns(100), opens(SERVER), sends(SERVER, 9)))
    world.run()
    assert seen == [B, Status.OK, 9]


def test_a_sleeper_that_is_told_of_nothing_sleeps_on() -> None:
    """What happens between others, or to one that it may not know of, answers nobody's call."""
    one, other, third = (named(name) for name in ("one", "other", "third"))
    for lacks, told in ((None, {A, B}), (one, set())):
        seen: list[object] = []
        grants = everything((one, other, third))
        log: list[str] = []
        world = World(policy=Policy(grants if lacks is None else without(grants, lacks, Right.CHANNEL)), log=log.append)
        sleeper = load(world, one, calls(seen, *[waits_for_any()] * 3))
        load(world, other, calls([], opens(B), sends(B), receives(B), Vmmcall(Hypercall.SHUTDOWN, 0)))
        load(world, third, calls([], opens(A), sends(A), receives(A), closes(A), Vmmcall(Hypercall.SHUTDOWN, 0)))
        world.run()
        assert set(seen) == told and len(seen) == len(told) and sleeper.state is State.WAITING
        assert bool(lacks) == any('"refused"' in line and "CHANNEL" in line for line in log), "each of them is a decision in the log"


@pytest.mark.parametrize("right", (False, True))
def test_of_the_host_and_of_who_asks_only_who_has_the_right_is_told(right: bool) -> None:
    one, other = named("one"), named("other")
    seen: list[object] = []
    grants = everything((one, other))
    if not right:
        grants = without(without(grants, one, Right.CHANNEL), one, Right.MESSAGES)
    world = World(policy=Policy(grants))
    load(world, one, calls(seen, waits_for_any(), waits_for_any()))
    load(world, other, calls([], opens(SERVER)))
    world.run()
    world.kernel.post_message(SERVER, b"are you there")
    world.run()
    assert seen == ([A, HOST_END] if right else [])


def test_another_in_the_place_of_one_that_has_ended_is_told_of_nothing_that_was_for_that() -> None:
    """Its messages, the room that it was waiting for: all that is the old channel's."""
    seen: list[object] = []
    world = World()
    world.guest(server([], receives(HOST_END), receives(A), closes(A), receives(HOST_END), of=(A,)))
    first = world.guest(client(*[sends(SERVER)] * MAX_QUEUED, sends(SERVER), after=20))
    world.run()
    world.kernel.end_guest(first, "another takes its place")
    second = world.kernel.load_guest(named("second"), A)
    world.machine.attach(second.vcpu.block, calls(seen, waits_for_any()))
    world.kernel.post_message(SERVER, b"go on")
    world.run()
    assert not seen and second.state is State.WAITING
