"""The kernel on the RTL with a user: two guests that show a letter and every byte of their keyboards, and what the display must show."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cocotb_tests.chipset.devices.display.reference import Shown
from contracts.configuration import GuestConfig, KernelConfig, MultibootEntry
from contracts.devices import DeviceNumber
from contracts.display import COLUMNS, SCREEN_BYTES, CursorStart
from contracts.memory_map import PAGE_SIZE, Physical
from contracts.protections import Protections
from contracts.report import Step
from isolation_kernel.partition import Partition
from isolation_kernel.trusted_line import trusted_line
from sim.display.screen import Screen
from sim.guests import GuestSystem
from sim.machine import Machine

__all__ = ["CODE", "OnRtl", "Showing", "assembled", "on_rtl", "two_that_show"]

CODE, MEMORY = 0x2000, 256 << 10
PHRASE = b"pelican under glass"
_STEPS = 4_000
_GUEST_LIMIT = 2_000_000
_ATTRIBUTE = 0x2F
_PROGRAM = """
        org {code}
        bits 32
        mov dx, 3D4h
        mov ax, 200Ah           ; no cursor
        out dx, ax
        mov ax, {start_high} << 8 | 0Ch
        out dx, ax
        mov ax, {start_low} << 8 | 0Dh
        out dx, ax
        mov al, 60h             ; keyboard without translation and interrupts
        out 64h, al
        mov al, 0
        out 60h, al
        mov edi, {screen} + 2 * {start}
        mov ah, {attribute}
        mov al, {letter}
show:   mov [edi], ax
        add edi, 2
again:  in al, 64h
        test al, 1
        jz again
        in al, 60h
        jmp show
"""


def assembled(source: str, folder: Path) -> bytes:
    """Flat code."""
    text, image = folder / "guest.asm", folder / "guest.bin"
    text.write_text(source)
    subprocess.run(["nasm", "-f", "bin", "-o", image, text], check=True)
    return image.read_bytes()


@dataclass
class Showing:
    """A guest's screen: it begins at cell ``start`` with a letter, and the bytes that it has ``heard`` follow. No letter: nothing."""

    letter: int
    start: int
    heard: bytes = b""

    def program(self, folder: Path) -> bytes:
        """Its code."""
        return assembled(
            _PROGRAM.format(
                code=CODE, start=self.start, start_high=self.start >> 8, start_low=self.start & 0xFF, screen=int(Physical.SCREEN),
                attribute=_ATTRIBUTE, letter=self.letter,
            ),
            folder,
        )  # fmt: skip

    def draw(self, screen: bytearray) -> None:
        """On screen memory."""
        for n, character in enumerate((self.letter, *self.heard) if self.letter else ()):
            at = 2 * (self.start + n)
            screen[at : at + 2] = bytes((character, _ATTRIBUTE))

    @property
    def screen(self) -> bytes:
        """All of screen memory, with nothing else in it."""
        memory = bytearray(SCREEN_BYTES)
        self.draw(memory)
        return bytes(memory)


@dataclass
class OnRtl:
    """``guests`` and what they must be ``showing``, by number."""

    machine: Machine
    system: GuestSystem
    guests: dict[int, Partition] = field(default_factory=dict)
    showing: dict[int, Showing] = field(default_factory=dict)

    def load(self, name: str, code: bytes, showing: Showing | None = None, devices: frozenset[DeviceNumber] = frozenset()) -> None:
        """A guest more."""
        number = len(self.guests) + 1
        config = GuestConfig(name, MEMORY, ((CODE, code),), MultibootEntry(CODE), one_to_one=number == 1, devices=devices)
        self.guests[number], self.showing[number] = self.system.kernel.load_guest(config), showing or Showing(0, 0)

    def until(self, what: str, happens: Callable[[], bool]) -> None:
        """Let the guests run until then."""
        for _ in range(_STEPS):
            assert self.system.kernel.step() is Step.RAN
            if happens():
                return
        raise AssertionError(f"{what}: not within {_STEPS} exits")

    def memory_of(self, number: int) -> bytes:
        """Screen memory as a guest has it: the display's in front, else that of its frames."""
        guest, view = self.guests[number], self.system.kernel.view
        if view.front is guest:
            words = (self.system.link.read32(at) for at in range(Physical.SCREEN, Physical.SCREEN + SCREEN_BYTES, 4))
            return b"".join(word.to_bytes(4, "little") for word in words)
        return self.system.link.read_block(guest.memory.screen[0] * PAGE_SIZE, SCREEN_BYTES)

    def shows(self, number: int, cells: int = 1) -> bool:
        """Whether a guest has shown so many cells."""
        guest, at = self.guests[number], 2 * (self.showing[number].start + cells - 1)
        base = Physical.SCREEN if self.system.kernel.view.front is guest else guest.memory.screen[0] * PAGE_SIZE
        return bool(self.system.link.read32(base + at & ~3) >> 8 * (at & 3) & 0xFFFF)

    def hears(self, number: int, heard: bytes) -> None:
        """A guest is to show bytes more."""
        self.showing[number].heard += heard
        self.until(f"guest {number} shows {heard.hex()}", lambda: self.shows(number, 1 + len(self.showing[number].heard)))

    def choose(self, number: int) -> None:
        """The user presses F12, and the digit when he is asked."""
        view = self.system.kernel.view
        self.machine.press("F12")
        self.machine.release("F12")
        self.until("attention", lambda: view.hands.attention)
        self.machine.press(f"Digit{number}")
        self.machine.release(f"Digit{number}")
        self.until(f"guest {number} in front", lambda: view.front is self.guests[number])

    def wanted(self, number: int, attention: bool = False, screen: bytes | None = None) -> bytes:
        """The picture with a guest in front, dot by dot: with what it shows, or what is given."""
        guest, showing = self.guests[number], self.showing[number]
        words = trusted_line((str(number), guest.config.name, guest.identity, ()), PHRASE, attention)
        line = bytearray(b"".join(word.to_bytes(4, "little") for word in words))
        assert len(line) == 2 * COLUMNS
        return Shown(bytearray(screen or showing.screen), line, showing.start, cursor_start=CursorStart.OFF).picture(0)

    def picture(self) -> Screen:
        """By the display itself, a frame later."""
        return self.machine.screen()


@contextmanager
def on_rtl(protections: Protections | None = None) -> Iterator[OnRtl]:
    """Without guests yet."""
    config = KernelConfig(slice_cycles=20_000, timer_cycles=20_000, phrase=PHRASE, protections=protections or Protections())
    with Machine() as machine:
        yield OnRtl(machine, GuestSystem(machine, config, guest_limit=_GUEST_LIMIT))


@contextmanager
def two_that_show(folder: Path, protections: Protections | None = None) -> Iterator[OnRtl]:
    """Both are loaded, and the first is in front."""
    with on_rtl(protections) as world:
        for name, showing in (("first", Showing(ord("A"), 0)), ("second", Showing(ord("B"), COLUMNS))):
            world.load(name, showing.program(folder), showing)
        yield world
