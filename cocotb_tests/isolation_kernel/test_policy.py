"""What guests may: nothing that is not granted, about nobody else, and by default what they always might."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from cocotb_tests.isolation_kernel.governed import Grants, everything, load, named, without
from cocotb_tests.isolation_kernel.world import World
from contracts.configuration import GuestConfig
from contracts.devices import DeviceNumber
from contracts.hypercalls import Hypercall, Status
from contracts.identity import identity
from contracts.policy import Policy
from contracts.protections import Protections
from contracts.rights import HOST, SYSTEM, Right
from isolation_kernel.frames import KernelError
from isolation_kernel.model.script import Script, Spin, Vmmcall
from isolation_kernel.policy import refusal

__all__: list[str] = []

BUFFER, PAGE = 0x8000, 0x9000
ASKS = named("asks", devices=frozenset({DeviceNumber.DMA0}))
OTHER = named("other")
ALL = everything((ASKS, OTHER))
CALLS: dict[Right, Vmmcall] = {
    Right.MESSAGES: Vmmcall(Hypercall.SEND, BUFFER, 4),
    Right.GIVE_PAGE: Vmmcall(Hypercall.GIVE_PAGE, PAGE, 2),
    Right.GIVE_DEVICE: Vmmcall(Hypercall.GIVE_DEVICE, DeviceNumber.DMA0, 2),
    Right.SYSTEM_SHUTDOWN: Vmmcall(Hypercall.SYSTEM_SHUTDOWN, 3),
    Right.CHANNEL: Vmmcall(Hypercall.OPEN, 2, BUFFER),
}
ABOUT = {Right.MESSAGES: HOST, Right.SYSTEM_SHUTDOWN: SYSTEM} | dict.fromkeys(
    (Right.GIVE_PAGE, Right.GIVE_DEVICE, Right.CHANNEL), identity(OTHER)
)


def idle() -> Script:
    while True:
        yield Spin(1000)


def once(call: Vmmcall, seen: list[object]) -> Callable[[], Script]:
    def script() -> Script:
        seen.append((yield call))
        yield from idle()

    return script


def done(world: World, right: Right) -> bool:
    """Whether the call of that right has had its effect."""
    kernel = world.kernel
    return {
        Right.MESSAGES: bool(kernel.partitions[1].answers),
        Right.GIVE_PAGE: bool(kernel.partitions[2].offered),
        Right.GIVE_DEVICE: kernel.mover.device_owners[DeviceNumber.DMA0] is kernel.partitions[2],
        Right.SYSTEM_SHUTDOWN: kernel.over,
        Right.CHANNEL: kernel.partitions[1].waits == (Hypercall.OPEN, 2),  # for the other end's consent
    }[right]


def asked(right: Right, policy: Policy, asks: GuestConfig = ASKS, off: tuple[str, ...] = ()) -> tuple[World, list[object]]:
    """ASKS makes the call of a right."""
    seen: list[object] = []
    world = World(Protections.without(*off) if off else None, policy=policy)
    world.checked &= right is not Right.SYSTEM_SHUTDOWN  # nothing is given back when all ends at once
    load(world, asks, once(CALLS[right], seen))
    load(world, OTHER, idle)
    world.run(60)
    return world, seen


@pytest.mark.parametrize("right", CALLS, ids=lambda right: right.name)
def test_what_is_granted_is_done(right: Right) -> None:
    world, _ = asked(right, Policy(ALL))
    assert done(world, right)


@pytest.mark.parametrize("right", CALLS, ids=lambda right: right.name)
def test_what_is_not_granted_is_refused(right: Right) -> None:
    world, seen = asked(right, Policy(without(ALL, ASKS, right)))
    assert seen == [Status.DENIED] and not done(world, right)


@pytest.mark.parametrize("right", CALLS, ids=lambda right: right.name)
def test_without_the_check_it_is_done(right: Right) -> None:
    """The control."""
    world, _ = asked(right, Policy(without(ALL, ASKS, right)), off=("hypercall_rights",))
    assert done(world, right)


@pytest.mark.parametrize("right", CALLS, ids=lambda right: right.name)
def test_a_grant_is_about_one_thing(right: Right) -> None:
    """The same right about anything else is no help, nor is the same of another guest."""
    grant = (identity(ASKS), right, ABOUT[right])
    world, seen = asked(right, Policy(ALL - {grant}))
    assert seen == [Status.DENIED] and not done(world, right)


@pytest.mark.parametrize("right", CALLS, ids=lambda right: right.name)
def test_a_grant_is_of_no_use_to_a_guest_that_never_asked_for_it(right: Right) -> None:
    meek = replace(ASKS, rights=ASKS.rights - {right})
    world, seen = asked(right, Policy(everything((meek, OTHER))), meek)
    assert seen == [Status.DENIED] and not done(world, right)


@pytest.mark.parametrize("right", CALLS, ids=lambda right: right.name)
def test_another_guest_with_one_bit_changed_has_none_of_it(right: Right) -> None:
    imitation = replace(ASKS, segments=((0x3000, b"\1"),))
    allowed: Grants = ALL | {(identity(imitation), Right.RUN, SYSTEM), (identity(imitation), Right.USE, "DMA0")}
    world, seen = asked(right, Policy(allowed), imitation)
    assert seen == [Status.DENIED] and not done(world, right)
    control, _ = asked(right, Policy(everything((ASKS, OTHER, imitation))), imitation)
    assert done(control, right)


def test_a_device_goes_to_nobody_who_may_not_have_it() -> None:
    """Neither from a guest that may give devices to it, nor from the host."""
    policy = Policy(ALL - {(identity(OTHER), Right.USE, "DMA0")})
    world, seen = asked(Right.GIVE_DEVICE, policy)
    assert seen == [Status.DENIED] and world.kernel.mover.device_owners[DeviceNumber.DMA0] is world.kernel.partitions[1]
    assert not world.kernel.move_device(DeviceNumber.DMA0, 2) and world.kernel.move_device(DeviceNumber.DMA1, 2)
    control, _ = asked(Right.MESSAGES, policy, off=("hypercall_rights",))
    assert control.kernel.move_device(DeviceNumber.DMA0, 2)


@pytest.mark.parametrize("right", (Right.RUN, Right.USE), ids=lambda right: right.name)
def test_who_may_not_is_not_started(right: Right) -> None:
    world = World(policy=Policy(without(ALL, ASKS, right)))
    with pytest.raises(KernelError, match=f"asks: the policy does not grant {right.name} of"):
        world.kernel.load_guest(ASKS)
    assert not world.kernel.partitions[1].alive and world.kernel.mover.device_owners[DeviceNumber.DMA0] is None
    assert load(world, OTHER, idle).alive
    control = World(Protections.without("hypercall_rights"), policy=Policy(without(ALL, ASKS, right)))
    assert control.kernel.load_guest(ASKS).alive


def test_an_empty_policy_allows_nothing() -> None:
    for right in Right:
        for about in (*DeviceNumber.__members__, HOST, SYSTEM, identity(ASKS), identity(OTHER)):
            assert refusal(Policy(frozenset()), identity(ASKS), right, about) == "not granted"


@pytest.mark.parametrize("right", CALLS, ids=lambda right: right.name)
def test_by_default_a_guests_rights_are_all_that_decides(right: Right) -> None:
    """As before there were policies."""
    world, _ = asked(right, Policy(), replace(ASKS, rights=frozenset({right})))
    assert done(world, right)
    world, seen = asked(right, Policy(), replace(ASKS, rights=frozenset(CALLS) - {right}))
    assert seen == [Status.DENIED] and not done(world, right)


def test_the_digest_is_of_what_is_enforced() -> None:
    grants = sorted(ALL, key=str)
    digests = {Policy(ALL - {grant}).digest for grant in grants[:40]}
    labels = {"a": frozenset({"x"}), "b": frozenset({"x", "y"})}
    more = {Policy().digest, Policy(ALL).digest, Policy(frozenset()).digest, Policy(ALL, {}).digest, Policy(ALL, labels).digest}
    assert len(digests | more | {Policy(ALL, labels | {"a": frozenset()}).digest}) == 46
    assert Policy(frozenset(reversed(grants)), dict(reversed(labels.items()))).digest == Policy(ALL, labels).digest
