"""Mandatory policies: whatever is granted, information goes up alone.

Two ways. In the first the rights are played through by a reference of their own: who learns what by which right, told from the rights'
descriptions, on every labelling of small lattices whose order is computed apart. In the second a high guest on the real kernel does all
that it can, and a low one must get the same answers as beside one that does nothing."""

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import product

import pytest

from cocotb_tests.isolation_kernel.governed import everything, load, named
from cocotb_tests.isolation_kernel.world import World
from contracts.devices import DeviceNumber
from contracts.hypercalls import Hypercall
from contracts.identity import identity
from contracts.policy import Policy
from contracts.rights import HOST, SYSTEM, Right
from isolation_kernel.model.script import Script, Spin, Vmmcall
from isolation_kernel.policy import refusal
from sim.policy.lattice import label_sets

__all__: list[str] = []

LATTICES: dict[str, Mapping[str, Sequence[str]]] = {  # each label, and those directly below it
    "one": {"a": ()},
    "chain of 2": {"a": (), "b": ("a",)},
    "chain of 3": {"a": (), "b": ("a",), "c": ("b",)},
    "chain of 4": {"d": ("c",), "c": ("b",), "b": ("a",), "a": ()},
    "diamond": {"low": (), "left": ("low",), "right": ("low",), "high": ("left", "right")},
    "three in the middle": {"low": (), "x": ("low",), "y": ("low",), "z": ("low",), "high": ("x", "y", "z")},
    "pentagon": {"low": (), "x": ("low",), "y": ("x",), "z": ("low",), "high": ("y", "z")},
}
GUESTS, DEVICE = ("p", "q", "r"), "IDE"
ABOUT_GUESTS = (Right.GIVE_PAGE, Right.GIVE_DEVICE, Right.CHANNEL, Right.POST, Right.SEAL, Right.UNSEAL)
TELLS = frozenset(Right) - {Right.RUN, Right.UNSEAL}  # what it is about learns what the guest knows
LEARNS = frozenset({Right.MESSAGES, Right.GIVE_PAGE, Right.GIVE_DEVICE, Right.USE, Right.CHANNEL, Right.UNSEAL})  # and the other way


def operations(guests: Sequence[str]) -> list[tuple[str, Right, str]]:
    """All that guests can do to each other and to what there is."""
    found = [(who, right, about) for who in guests for about in guests if who != about for right in ABOUT_GUESTS]
    found += [(who, right, HOST) for who in guests for right in (Right.MESSAGES, Right.ATTEST)]
    found += [(who, Right.USE, DEVICE) for who in guests]
    return found + [(who, right, SYSTEM) for who in guests for right in (Right.RUN, Right.SYSTEM_SHUTDOWN)]


def order(below: Mapping[str, Sequence[str]]) -> set[tuple[str, str]]:
    """Which label lies below which, or is it: apart from ``label_sets``, by closing the relation."""
    pairs = {(label, label) for label in below} | {(low, high) for high, lows in below.items() for low in lows}
    while more := {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs:
        pairs |= more
    return pairs


def knowledge(things: Sequence[str], allowed: Sequence[tuple[str, Right, str]]) -> dict[str, set[str]]:
    """Whose secrets each knows in the end, whatever is done in whatever order and however often."""
    flows = {(who, about) for who, right, about in allowed if right in TELLS}
    flows |= {(about, who) for who, right, about in allowed if right in LEARNS}
    known = {thing: {thing} for thing in things}
    for _ in things:  # a secret has gone wherever it can after so many steps
        for source, target in flows:
            known[target] |= known[source]
    return known


def labellings(name: str) -> list[dict[str, str]]:
    """Three guests and what is beside them; two on the lattices of five."""
    below = LATTICES[name]
    things = (*GUESTS[: 3 if len(below) < 5 else 2], DEVICE, HOST)
    return [dict(zip(things, labels, strict=True)) | {SYSTEM: labels[-1]} for labels in product(below, repeat=len(things))]


def secrets_that_went_down(name: str, mandatory: bool) -> int:
    """How many pairs, over all labellings, in which somebody knows what it must not."""
    below = LATTICES[name]
    sets, lower = label_sets(below), order(below)
    found = 0
    for labels in labellings(name):
        doable = operations([thing for thing in labels if thing in GUESTS])
        policy = Policy(frozenset(doable), {thing: sets[label] for thing, label in labels.items()} if mandatory else None)
        known = knowledge(list(labels), [op for op in doable if not refusal(policy, *op)])
        found += sum((labels[source], labels[target]) not in lower for target in labels for source in known[target])
        if mandatory:  # and what may go up can
            up = [(a, b) for a in known for b in known if a in GUESTS and b in GUESTS and (labels[a], labels[b]) in lower]
            assert all(a in known[b] for a, b in up)
    return found


@pytest.mark.parametrize("name", LATTICES)
def test_no_sequence_of_operations_passes_a_secret_down(name: str) -> None:
    assert not secrets_that_went_down(name, mandatory=True)


@pytest.mark.parametrize("name", [name for name in LATTICES if name != "one"])
def test_without_labels_secrets_go_down(name: str) -> None:
    """The control: the same grants, not mandatory."""
    assert secrets_that_went_down(name, mandatory=False)


def test_what_has_no_label_reaches_nothing() -> None:
    labels = {"p": frozenset({"x"})}
    grants = frozenset(operations(GUESTS))
    assert all(refusal(Policy(grants, labels), *op) for op in operations(GUESTS) if op[1] is not Right.RUN)


# on the kernel

HIGH = named("high", devices=frozenset({DeviceNumber.DMA1}))
LOW = named("low", clock=False, devices=frozenset({DeviceNumber.DMA0}))
HIGH_NUMBER, LOW_NUMBER = 1, 2
ROUNDS = 18  # more than a guest can be offered pages
SETS = label_sets(LATTICES["chain of 2"])
LABELS = {identity(HIGH): SETS["b"], identity(LOW): SETS["a"], HOST: SETS["a"], SYSTEM: SETS["a"], "DMA0": SETS["a"], "DMA1": SETS["b"]}


def low(seen: list[object]) -> Callable[[], Script]:
    """Looks for anything that the high guest may have done."""

    def script() -> Script:
        for n in range(ROUNDS):
            seen.append((yield Vmmcall(Hypercall.GIVE_PAGE, 0x10000 + 0x1000 * n, HIGH_NUMBER)))
            seen.append((yield Vmmcall(Hypercall.ACCEPT_PAGE, 0x80_0000 + 0x1000 * n)))
            seen.append((yield Vmmcall(Hypercall.GIVE_DEVICE, DeviceNumber.DMA1, HIGH_NUMBER)))
            seen.append((yield Vmmcall(Hypercall.SEND, 0x8000, 4)))
            seen.append((yield Vmmcall(Hypercall.OPEN, HIGH_NUMBER, 0x8000, esi=1)))
            seen.append((yield Vmmcall(Hypercall.RECEIVE, 0x8000, 64, HIGH_NUMBER, esi=1)))
            yield Vmmcall(Hypercall.YIELD)

    return script


def idle() -> Script:
    while True:
        yield Spin(1000)


def ends() -> Script:
    yield Vmmcall(Hypercall.SHUTDOWN, 1)


def accepts() -> Script:
    for n in range(4 * ROUNDS):
        yield Vmmcall(Hypercall.ACCEPT_PAGE, 0x80_0000 + 0x1000 * n)
        yield Vmmcall(Hypercall.YIELD)


def gives_pages() -> Script:
    for n in range(ROUNDS):
        yield Vmmcall(Hypercall.GIVE_PAGE, 0x10000 + 0x1000 * n, LOW_NUMBER)
    yield from idle()


def gives_its_device() -> Script:
    yield Vmmcall(Hypercall.GIVE_DEVICE, DeviceNumber.DMA1, LOW_NUMBER)
    yield from idle()


def opens_a_channel() -> Script:
    yield Vmmcall(Hypercall.OPEN, LOW_NUMBER, 0x8000)
    yield Vmmcall(Hypercall.SEND, 0x8000, 4, LOW_NUMBER)
    yield from idle()


def takes_the_system_down() -> Script:
    yield Spin(100_000)
    yield Vmmcall(Hypercall.SYSTEM_SHUTDOWN, 1)
    yield from idle()


def anything(seed: int) -> Callable[[], Script]:
    def script() -> Script:
        chosen = random.Random(seed)
        for _ in range(200):
            call = chosen.choice([c for c in Hypercall if c not in (Hypercall.SHUTDOWN, Hypercall.RECEIVE)])
            first = chosen.choice((0, 1, 0x8000, 0x10000 + 0x1000 * chosen.randrange(40), 0x80_0000 + 0x1000 * chosen.randrange(40)))
            yield Vmmcall(call, first, chosen.choice((LOW_NUMBER, LOW_NUMBER, 0, 4)), chosen.choice((0, LOW_NUMBER)), esi=1)
        yield from idle()

    return script


HIGH_GUESTS: dict[str, Callable[[], Script]] = {
    "ends": ends, "accepts": accepts, "gives pages": gives_pages, "gives its device": gives_its_device, "opens a channel": opens_a_channel,
    "takes the system down": takes_the_system_down, **{f"anything {seed}": anything(seed) for seed in range(6)},
}  # fmt: skip


@cache
def answers(high: Callable[[], Script], mandatory: bool) -> tuple[list[object], list[str]]:
    """What the low guest is answered beside a high one, and what the kernel decided."""
    seen: list[object] = []
    log: list[str] = []
    world = World(policy=Policy(everything((HIGH, LOW)), LABELS if mandatory else None), log=log.append, slice_cycles=20_000)
    load(world, HIGH, high)
    load(world, LOW, low(seen))
    world.checked = False
    world.run(400)
    return seen, log


@pytest.mark.parametrize("name", HIGH_GUESTS)
def test_a_low_guest_is_answered_the_same_whatever_a_high_one_does(name: str) -> None:
    quiet, _ = answers(idle, mandatory=True)
    beside, log = answers(HIGH_GUESTS[name], mandatory=True)
    assert beside == quiet and len(quiet) == 6 * ROUNDS
    assert not any(f'"about":"{identity(LOW)}","decision":"allowed"' in record for record in log)


@pytest.mark.parametrize("name", HIGH_GUESTS)
def test_without_labels_it_sees_the_difference(name: str) -> None:
    """The control: every one of them is a way to send."""
    assert answers(HIGH_GUESTS[name], mandatory=False)[0] != answers(idle, mandatory=False)[0]
