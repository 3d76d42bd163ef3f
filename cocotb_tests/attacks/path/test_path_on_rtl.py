"""The trusted path on the RTL: two guests show what they hear, the user goes from one to the other by F12, and each picture of the display
is compared with a reference, dot by dot."""

from pathlib import Path

import pytest

from cocotb_tests.attacks.path.on_rtl import OnRtl, two_that_show
from contracts.display import SCREEN_BYTES
from contracts.memory_map import Physical
from contracts.protections import Protections
from isolation_kernel.invariants import check

__all__: list[str] = []

PICTURES = Path("build/path")
Q, W, RELEASE = b"\x15", b"\x1d", b"\xf0"


def look(world: OnRtl, name: str, front: int, attention: bool = False) -> None:
    """The picture is that of the guest in front, and what the other shows lies in its frames."""
    picture = world.picture()
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / f"{name}.png").write_bytes(picture.png())
    assert picture.dots == world.wanted(front, attention), name
    for number, showing in world.showing.items():
        assert world.memory_of(number) == showing.screen, (name, number)


def test_a_day_at_the_screen(tmp_path: Path) -> None:
    with two_that_show(tmp_path) as world:
        world.until("both have begun", lambda: world.shows(1) and world.shows(2))
        world.machine.press("KeyQ")
        world.hears(1, Q)
        look(world, "first", 1)
        world.machine.press("F12")
        world.hears(1, RELEASE + Q)  # its user's hands are the kernel's
        look(world, "attention", 1, attention=True)
        world.machine.press("Digit2")
        world.machine.press("Digit2")  # it repeats itself
        world.machine.release("Digit2")
        world.machine.release("KeyQ")
        world.machine.press("KeyW")
        world.hears(2, W)
        look(world, "second", 2)
        world.choose(1)
        world.hears(2, RELEASE + W)
        look(world, "back", 1)
        assert not check(world.system.kernel)


def test_without_screens_apart_the_picture_shows_another_guests(tmp_path: Path) -> None:
    with two_that_show(tmp_path, Protections.without("screen_apart")) as world:
        world.until("both have begun", lambda: world.shows(1))
        second = world.showing[2]
        world.until("the second writes", lambda: world.system.link.read32(Physical.SCREEN + 2 * second.start) & 0xFF == second.letter)
        both = bytearray(SCREEN_BYTES)
        for showing in world.showing.values():
            showing.draw(both)
        picture = world.picture().dots
        assert picture == world.wanted(1, screen=bytes(both)) != world.wanted(1)


@pytest.mark.regress
def test_without_keys_in_front_another_guest_hears_them(tmp_path: Path) -> None:
    with two_that_show(tmp_path, Protections.without("keys_in_front")) as world:
        world.until("both have begun", lambda: world.shows(1) and world.shows(2))
        world.machine.press("KeyQ")
        world.hears(1, Q)
        world.hears(2, Q)
        world.choose(2)
        world.hears(2, RELEASE + Q)
        assert world.picture().dots == world.wanted(2)  # with what was typed for the first
