"""Keyboard, mouse and screen under programs on the machine, driven as Linux drives them; the user's hands are the test's. QEMU's user
presses the same keys, and its machine says the same."""

import json
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from chipset.boards.straps import Strap
from cocotb_tests.chipset.devices.display.reference import Shown
from contracts.display import COLUMNS, ROWS
from contracts.memory_map import Physical
from contracts.ps2 import RELEASED
from sim.display.screen import Screen
from sim.machine import Ending, Machine
from sim.multiboot import read_multiboot
from sim.oracles import qemu
from sim.programs.system import build_program

__all__: list[str] = []

SLICE, LIMIT = 20_000, 40_000_000
CURSOR_ON, CURSOR_OFF = 0, 8  # frames
NUM_LOCK = 1 << 1
FORGED = b"\x58\x4f"  # as the guest writes it


@dataclass(frozen=True)
class Key:
    """``qemu``: its name there; ``codes``: what software is to see, in set 1."""

    name: str
    qemu: str
    codes: tuple[int, ...]
    down: bool = True

    @property
    def lines(self) -> str:
        codes = self.codes if self.down else (*self.codes[:-1], self.codes[-1] | RELEASED)
        return "".join(f"key {code:02x}\n" for code in codes)

    def do(self, machine: Machine) -> None:
        (machine.press if self.down else machine.release)(self.name)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [{"type": "key", "data": {"down": self.down, "key": {"type": "qcode", "data": self.qemu}}}]


@dataclass(frozen=True)
class Move:
    x: int
    y: int
    left: bool
    changes: bool  # the button

    @property
    def lines(self) -> str:
        flags = 0x08 | self.left | (self.x < 0) << 4 | (self.y < 0) << 5
        return f"mouse {flags:02x} {self.x & 0xFF:02x} {self.y & 0xFF:02x}\n"

    def do(self, machine: Machine) -> None:
        machine.move_mouse(self.x, self.y, (self.left, False, False))

    @property
    def events(self) -> list[dict[str, Any]]:
        moved = [{"type": "rel", "data": {"axis": axis, "value": value}} for axis, value in (("x", self.x), ("y", -self.y)) if value]
        return moved + ([{"type": "btn", "data": {"down": self.left, "button": "left"}}] if self.changes else [])


def struck(name: str, qemu_name: str, *codes: int) -> list[Key]:
    return [Key(name, qemu_name, codes), Key(name, qemu_name, codes, down=False)]


SCRIPT: list[Key | Move] = [
    *struck("KeyH", "h", 0x23), *struck("KeyI", "i", 0x17), *struck("Space", "spc", 0x39), *struck("Digit7", "7", 0x08),
    *struck("Enter", "ret", 0x1C), *struck("ArrowUp", "up", 0xE0, 0x48),
    Move(3, 2, False, False), Move(-5, -1, True, True), Move(0, 0, False, True),
    Key("ShiftLeft", "shift", (0x2A,)), *struck("KeyA", "a", 0x1E), Key("ShiftLeft", "shift", (0x2A,), down=False),
    *struck("ControlRight", "ctrl_r", 0xE0, 0x1D), *struck("F12", "f12", 0x58),
]  # fmt: skip
LAST = Key("Escape", "esc", (0x01,))


def play(machine: Machine, hands: Sequence[Key | Move]) -> None:
    """Each as soon as the one before has been told of."""
    left = list(hands)
    expected = "ready\n"

    def attend() -> None:
        nonlocal expected
        if left and machine.outputs["com1"].decode().endswith(expected):
            hand = left.pop(0)
            expected = hand.lines
            hand.do(machine)

    before = machine.cycle
    while left or not machine.outputs["com1"].decode().endswith(expected):
        assert machine.run(SLICE).ending is Ending.LIMIT and machine.cycle - before < LIMIT, machine.outputs["com1"].decode()
        attend()


def loaded(name: str) -> Machine:
    machine = Machine()
    machine.load_multiboot(read_multiboot(build_program("console", name).path, machine.config.memory))
    return machine


@cache
def typed() -> tuple[str, Screen, int]:
    """What the program says on the machine, its screen before its end, and the keyboard's lights."""
    with loaded("console") as machine:
        play(machine, SCRIPT)
        screen, leds = machine.screen(), machine.leds
        LAST.do(machine)
        outcome = machine.run(LIMIT)
        assert (outcome.ending, outcome.status) == (Ending.EXIT, 1)
        return machine.outputs["com1"].decode(), screen, leds


class Qmp:
    """QEMU's control socket."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None

    def send(self, events: list[dict[str, Any]]) -> None:
        if self._file is None:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(str(self._path))
            self._file = connection.makefile("rw")
            self._file.readline()
            self._say({"execute": "qmp_capabilities"})
        self._say({"execute": "input-send-event", "arguments": {"events": events}})

    def _say(self, command: dict[str, Any]) -> None:
        self._file.write(json.dumps(command) + "\n")
        self._file.flush()
        while "return" not in (answer := json.loads(self._file.readline())):
            assert "error" not in answer, answer


def test_says_what_qemu_says(tmp_path: Path) -> None:
    control = Qmp(tmp_path / "qmp")
    hands = [*SCRIPT, LAST]
    waits = ["ready\n", *(hand.lines for hand in SCRIPT)]

    def does(hand: Key | Move) -> Callable[[], None]:
        return lambda: control.send(hand.events)

    cues = [(wait, does(hand)) for wait, hand in zip(waits, hands, strict=True)]
    extra = ("-vga", "std", "-qmp", f"unix:{tmp_path}/qmp,server=on,wait=off")
    there = qemu.run(build_program("console", "console").path, extra=extra, cues=cues)
    assert there.written == 0, there
    assert typed()[0] == there.text
    assert there.text.endswith("".join(hand.lines for hand in hands) + "end\n")


def test_shows_what_it_has_written() -> None:
    _, screen, leds = typed()
    shown = Shown(cursor=5 * COLUMNS, cursor_start=0, cursor_end=15)
    put(shown, 0, " " * (COLUMNS * ROWS), 0x07)
    put(shown, 2 * COLUMNS + 10, "A console", 0x1E)
    put(shown, 5, "#", 0x07)
    put(shown, 6, "!!", 0x4E)
    shown.screen[6 * 2 + 3] = 0x4F
    put(shown, 4 * COLUMNS, "hi 7", 0x07)
    put(shown, 5 * COLUMNS, "a", 0x07)
    shown.cursor += 1
    assert screen.dots in (shown.picture(CURSOR_ON), shown.picture(CURSOR_OFF))
    assert leds == NUM_LOCK


def put(shown: Shown, cell: int, text: str, attribute: int) -> None:
    shown.screen[2 * cell : 2 * (cell + len(text))] = b"".join(bytes((ord(c), attribute)) for c in text)


@pytest.mark.parametrize("strap", [Strap(0), Strap.LINE_OPEN])
def test_the_line_is_not_a_guests(strap: Strap) -> None:
    """Outside of guest mode a program has ring -1's authority, as the BIOS has; its guest has not. DMA reaches nothing in both runs."""
    with loaded("line") as machine:
        machine.set_straps(strap)
        outcome = machine.run(LIMIT)
        assert (outcome.ending, outcome.status) == (Ending.EXIT, 1)
        said = dict(line.split(": ", 1) for line in machine.outputs["com1"].decode().splitlines() if ": " in line)
        screen = machine.screen()
    word = "The machine's own word"
    shown = Shown()
    shown.line[:] = b"".join(bytes((ord(c), 0x1F)) for c in word.ljust(COLUMNS))
    if strap:
        shown.line[:] = FORGED * COLUMNS
    shown.screen[:4] = b"A\x07B\x07"
    assert screen.dots in (shown.picture(CURSOR_ON), shown.picture(CURSOR_OFF))
    assert said["it reads"] == "ffffffff" and said["reads it"].endswith("eax=ffffffff")
    assert said["writes the screen"].endswith("eax=7420741")
    refused = {"to the line": Physical.TRUSTED_LINE, "to the screen": Physical.SCREEN, "from the screen": Physical.SCREEN}
    for where, address in refused.items():
        assert said[f"dma {where}"] == f"status=4 at={address:x}"
    assert said["dma in memory"] == "status=2"
    assert said["the screen is"] == "7420741"
