"""A guest's name: another for every bit that it starts from, the same wherever it lies."""

from dataclasses import replace

import pytest

from cocotb_tests.isolation_kernel.governed import load
from cocotb_tests.isolation_kernel.world import CODE, FIRST_MEMORY, SECOND_MEMORY, World
from contracts.canonical import short
from contracts.configuration import GuestConfig, MultibootEntry, RealModeEntry
from contracts.devices import DeviceNumber
from contracts.identity import identity
from contracts.rights import Right
from isolation_kernel.kernel import Kernel
from isolation_kernel.model.machine import ModelMachine
from isolation_kernel.model.script import Script, Spin

__all__: list[str] = []

PROGRAM = bytes(range(64))
BASE = GuestConfig("base", SECOND_MEMORY, ((CODE, PROGRAM),), MultibootEntry(CODE, 0x5000), manifest=b"by its maker")
REAL = replace(BASE, entry=RealModeEntry(0x1000, 0x10000, 0x20))
BITS = range(32)


def flipped(data: bytes, bit: int) -> bytes:
    return bytes(byte ^ (1 << bit % 8 if n == bit // 8 else 0) for n, byte in enumerate(data))


def others() -> list[GuestConfig]:
    """BASE and REAL with one thing changed: each bit of image, manifest and entry, each device, each right."""
    return [
        *(replace(BASE, segments=((CODE, flipped(PROGRAM, bit)),)) for bit in range(8 * len(PROGRAM))),
        *(replace(BASE, segments=((CODE ^ 1 << bit, PROGRAM),)) for bit in range(17)),
        *(replace(BASE, manifest=flipped(BASE.manifest, bit)) for bit in range(8 * len(BASE.manifest))),
        *(replace(BASE, manifest=manifest) for manifest in (b"", BASE.manifest + b"\0")),
        *(replace(BASE, entry=MultibootEntry(CODE ^ 1 << bit, 0x5000)) for bit in BITS),
        *(replace(BASE, entry=MultibootEntry(CODE, 0x5000 ^ 1 << bit)) for bit in BITS),
        *(replace(REAL, entry=RealModeEntry(0x1000 ^ 1 << bit, 0x10000, 0x20)) for bit in range(16)),
        *(replace(REAL, entry=RealModeEntry(0x1000, 0x10000 ^ 1 << bit, 0x20)) for bit in BITS),
        *(replace(REAL, entry=RealModeEntry(0x1000, 0x10000, 0x20 ^ 1 << bit)) for bit in BITS),
        *(replace(BASE, memory=SECOND_MEMORY + 4096 * pages) for pages in (-1, 1, 2, 64)),
        *(replace(BASE, devices=frozenset({device})) for device in DeviceNumber),
        replace(BASE, devices=frozenset(DeviceNumber)),
        *(replace(BASE, rights=BASE.rights ^ {right}) for right in Right),
        replace(BASE, clock=False),
        replace(BASE, restart_on_reset=True),
    ]


def test_every_bit_makes_another_guest() -> None:
    names = [identity(guest) for guest in (BASE, REAL, *others())]
    assert len(set(names)) == len(names) > 700


def test_a_name_that_leaves_something_out_takes_two_guests_for_one() -> None:
    """The control: without the image, or without the manifest, guests that differ have one name."""
    blind = [identity(replace(guest, segments=())) for guest in (BASE, *others())]
    mute = [identity(replace(guest, manifest=b"")) for guest in (BASE, *others())]
    assert len(set(blind)) < len(blind) and len(set(mute)) < len(mute)


@pytest.mark.parametrize("guest", (BASE, REAL), ids=("multiboot", "real mode"))
def test_place_and_name_are_not_in_it(guest: GuestConfig) -> None:
    assert identity(replace(guest, name="what another calls it")) == identity(guest)
    assert identity(replace(guest, one_to_one=True)) == identity(guest)


def test_how_the_image_is_cut_is_not_in_it() -> None:
    cuts = (
        ((CODE, PROGRAM[:7]), (CODE + 7, PROGRAM[7:])),
        ((CODE + 7, PROGRAM[7:]), (CODE, PROGRAM[:7])),
        ((CODE, b"\xff" * 9), (CODE, PROGRAM)),  # what lies under it never shows
        ((CODE, PROGRAM), (CODE + len(PROGRAM), bytes(100))),  # memory is zero where nothing is loaded
    )
    assert {identity(replace(BASE, segments=cut)) for cut in cuts} == {identity(BASE)}
    assert identity(replace(BASE, segments=((CODE, PROGRAM), (CODE, b"\xff" * 9)))) != identity(BASE)


def idle() -> Script:
    while True:
        yield Spin(1000)


def test_the_kernel_names_it_so_wherever_it_lies() -> None:
    """First or last, at another place, on another machine, started again: the name stays."""
    guest = replace(BASE, memory=FIRST_MEMORY)
    world = World()
    first = load(world, replace(guest, one_to_one=True), idle)
    second = load(world, replace(guest, memory=FIRST_MEMORY // 2), idle)
    other = World()
    load(other, replace(BASE, memory=4096, segments=()), idle)
    elsewhere = load(other, guest, idle)
    assert first.memory.pages != elsewhere.memory.pages and first.number != elsewhere.number
    assert first.identity == elsewhere.identity == identity(guest) != second.identity
    again = replace(guest, restart_on_reset=True)
    started = load(third := World(), again, idle)
    third.kernel.reset_guest(started, "asked for a reset")
    assert third.kernel.partitions[1] is not started and third.kernel.partitions[1].identity == identity(again)


def test_the_encoding_is_what_is_documented() -> None:
    """A name computed apart, from the words of the module's documentation: a verifier needs no code of ours."""
    import hashlib
    import json

    image = bytes(CODE) + PROGRAM
    image += bytes(SECOND_MEMORY - len(image))
    text = json.dumps(
        {
            "clock": True, "devices": ["DMA0", "IDE"], "entry": {"eip": CODE, "info": 0x5000, "kind": "MultibootEntry"},
            "image": hashlib.sha256(image).hexdigest(), "manifest": BASE.manifest.hex(), "memory": SECOND_MEMORY,
            "restart": False, "rights": ["MESSAGES"],
        },
        separators=(",", ":"),
    )  # fmt: skip
    guest = replace(BASE, devices=frozenset({DeviceNumber.IDE, DeviceNumber.DMA0}))
    assert identity(guest) == hashlib.sha256(text.encode()).hexdigest()
    assert short(identity(guest)).replace(" ", "") == identity(guest)[:16]


def test_a_guest_of_another_kernel_has_it_too() -> None:
    """The size of the machine and the kernel's settings are not in it."""
    world = World(slice_cycles=1234)
    large = ModelMachine(world.kernel.config.layout)
    assert Kernel(large, world.kernel.config).load_guest(BASE).identity == load(world, BASE, idle).identity
