"""The trusted path on the RTL: two guests write their screens and read their keyboards, and the user goes from one to the other by F12."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.configuration import GuestConfig, KernelConfig, MultibootEntry
from contracts.memory_map import Physical
from contracts.report import Step
from isolation_kernel.invariants import check
from isolation_kernel.partition import Partition
from sim.display.screen import Screen
from sim.guests import GuestSystem
from sim.machine import Machine

__all__: list[str] = []

MEMORY = 256 << 10
CODE = 0x2000
STEPS = 4_000
PHRASE = b"pelican under glass"
PICTURES = Path("build/path")
HEARD = Physical.SCREEN + 4  # where a guest shows the last byte of its keyboard


def program(letter: int) -> bytes:
    """Flat 32-bit code: shows a letter, sets its 8042 up without translation, and then shows each byte that comes from there."""
    shows = b"\x66\xc7\x05" + Physical.SCREEN.to_bytes(4, "little") + bytes((letter, 0x2F))
    sets_up = bytes.fromhex("b060 e664 b000 e660")
    echoes = bytes.fromhex("e464 a801 74fa e460 a2") + HEARD.to_bytes(4, "little") + bytes.fromhex("ebf1")
    return shows + sets_up + echoes


@dataclass
class Seen:
    """At one moment: the guest in front, the first two words of screen memory, the picture; what the guest behind has heard."""

    front: int
    words: tuple[int, int]
    picture: Screen
    behind: int


def step_until(system: GuestSystem, what: object, condition: object) -> None:
    for _ in range(STEPS):
        assert system.kernel.step() is Step.RAN
        if callable(condition) and condition():
            return
    raise AssertionError(f"{what} did not happen")


@pytest.fixture(scope="module")
def story() -> Iterator[dict[str, Seen]]:
    told: dict[str, Seen] = {}
    PICTURES.mkdir(parents=True, exist_ok=True)
    config = KernelConfig(slice_cycles=20_000, timer_cycles=20_000, phrase=PHRASE)
    with Machine() as machine:
        system = GuestSystem(machine, config, guest_limit=2_000_000)
        kernel = system.kernel
        guests: list[Partition] = [
            kernel.load_guest(GuestConfig(name, MEMORY, ((CODE, program(letter)),), MultibootEntry(CODE), one_to_one=n == 0))
            for n, (name, letter) in enumerate((("first", ord("A")), ("second", ord("B"))))
        ]

        def shown(at: int) -> int:
            return system.link.read32(at)

        def look(name: str) -> None:
            assert kernel.view.front is not None
            behind = next(g for g in guests if g is not kernel.view.front)
            heard = system.link.read32(behind.memory.screen[0] * 4096 + 4)
            words = shown(Physical.SCREEN), shown(HEARD)
            told[name] = Seen(kernel.view.front.number, words, machine.screen(), heard)
            (PICTURES / f"{name}.png").write_bytes(told[name].picture.png())

        step_until(system, "the first screen", lambda: shown(Physical.SCREEN) & 0xFF == ord("A"))
        machine.press("KeyQ")
        step_until(system, "a key for the first", lambda: shown(HEARD) == 0x15)
        look("first")
        machine.press("F12")
        step_until(system, "attention", lambda: kernel.view.hands.attention)
        look("attention")
        machine.press("Digit2")
        step_until(system, "the second in front", lambda: kernel.view.front is guests[1])
        machine.press("KeyW")
        step_until(system, "a key for the second", lambda: shown(HEARD) == 0x1D)
        look("second")
        assert not check(kernel)
        yield told


def test_each_shows_its_own(story: dict[str, Seen]) -> None:
    assert [story[name].front for name in ("first", "attention", "second")] == [1, 1, 2]
    assert [chr(story[name].words[0] & 0xFF) for name in ("first", "second")] == ["A", "B"]


def test_keys_reach_the_guest_in_front_alone(story: dict[str, Seen]) -> None:
    assert story["first"].words[1] == 0x15 and story["first"].behind == 0
    assert story["second"].words[1] == 0x1D and story["second"].behind in (0x15, 0xF0)  # its own, and that it was let go


def test_the_first_line_changes_and_is_there(story: dict[str, Seen]) -> None:
    lines = [bytes(seen.picture.dots[: 640 * 16]) for seen in story.values()]
    assert len(set(lines)) == len(lines) and all(len(set(line)) > 1 for line in lines)
