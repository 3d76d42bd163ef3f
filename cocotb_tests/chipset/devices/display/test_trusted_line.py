"""The trusted line against guests: nothing that one can do changes it, hides it, copies it or reads it.

Each attack is tried in two runs that differ in one strap; the judge looks at pictures and at what reads brought.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import pytest

from cocotb_tests.chipset.devices.display.bench import Display, displayed
from cocotb_tests.chipset.devices.display.reference import Shown, dot
from cocotb_tests.chipset.devices.display.shown_top import Way
from contracts.display import (
    CELL_HEIGHT,
    COLUMNS,
    CRTC,
    PICTURE_WIDTH,
    ROWS,
    SCREEN_BYTES,
    SCREEN_WINDOW,
    TRUSTED_LINE,
    AttributeMode,
    CrtcIndex,
    VgaPort,
    levels,
)
from contracts.memory_map import PAGE_SIZE

__all__: list[str] = []

PHRASE = " Guest 2  3f9a c2d1  private   phrase: pelican under glass ".ljust(COLUMNS)
LINE_DOTS = CELL_HEIGHT * PICTURE_WIDTH
TRUSTED = {dot(colour, trusted=True) for colour in range(16)}
PORTS = [*range(0x3C0, 0x3E0)]


@dataclass
class Scene:
    """A display whose line the kernel has written, and what a guest has read of it since."""

    display: Display
    rng: Random
    read: list[int] = field(default_factory=list)

    def peek_line(self, address: int) -> None:
        self.read.append(self.display.access(Way.LINE, address))


def scene(display: Display, rng: Random) -> Scene:
    display.privileged = True
    display.put_line(0, PHRASE)
    display.privileged = False
    display.run_to_frame(1)
    return Scene(display, rng)


def line(display: Display) -> bytes:
    """The dots of the picture's first row of characters."""
    return display.screen().dots[:LINE_DOTS]


# What a guest tries.


def writes_to_the_line(s: Scene) -> None:
    """A false name, in words, bytes and halves, at every place of the page."""
    for at in range(0, PAGE_SIZE, 4):
        s.display.access(Way.LINE, at, s.rng.getrandbits(32), s.rng.randrange(1, 16))
    s.display.put_line(0, b"Guest 1")


def writes_beside_the_kernels_writes(s: Scene) -> None:
    """Each right after one of the kernel's own, whose authority must not cling."""
    for column in range(0, COLUMNS, 2):
        s.display.privileged = True
        s.display.put_line(column, PHRASE[column : column + 2])
        s.display.privileged = False
        s.display.access(Way.LINE, 2 * column, 0x4F58_4F58)


BY_THE_LINES_OWN_PAGE = [writes_to_the_line, writes_beside_the_kernels_writes]


def writes_all_of_the_window(s: Scene) -> None:
    """Screen memory, past its end, and around."""
    for at in range(0, SCREEN_WINDOW, 4):
        s.display.access(Way.SCREEN, at, s.rng.getrandbits(32))


def storms_the_registers(s: Scene) -> None:
    """Every port and index, with anything: start address, cursor, blinking, palette, what would be the font and the mode."""
    for _ in range(4):
        for port, count in ((VgaPort.CRTC, len(CRTC)), (VgaPort.SEQUENCER, 8), (VgaPort.GRAPHICS, 16)):
            for index in range(count):
                s.display.set(port, index, s.rng.randrange(256))
        for index in range(64):
            s.display.set_attribute(index, s.rng.randrange(256))
        for port in PORTS:
            s.display.output(port, s.rng.randrange(256))


def points_cursor_and_start_at_the_line(s: Scene) -> None:
    """As if it lay before, behind or in screen memory."""
    for value in (0, 0xFFFF, SCREEN_BYTES // 2, 0x10000 - COLUMNS, 0x8000):
        s.display.set_pair(CrtcIndex.START_HIGH, CrtcIndex.START_LOW, value)
        s.display.set_pair(CrtcIndex.CURSOR_HIGH, CrtcIndex.CURSOR_LOW, (value + s.rng.randrange(COLUMNS)) & 0xFFFF)
        s.display.set(VgaPort.CRTC, CrtcIndex.CURSOR_START, 0)
        s.display.set(VgaPort.CRTC, CrtcIndex.CURSOR_END, 0x1F)


def reads_the_line(s: Scene) -> None:
    """The phrase, in its page and in all that it can read."""
    for at in range(0, PAGE_SIZE, 4):
        s.peek_line(at)


def reads_everything_else(s: Scene) -> None:
    for at in range(0, SCREEN_WINDOW, 4):
        s.read.append(s.display.access(Way.SCREEN, at))
    for port in PORTS:
        s.read.append(s.display.input(port))


ATTACKS: list[Callable[[Scene], None]] = [
    *BY_THE_LINES_OWN_PAGE, writes_all_of_the_window, storms_the_registers, points_cursor_and_start_at_the_line, reads_the_line,
    reads_everything_else,
]  # fmt: skip


def harm(s: Scene, before: bytes) -> list[str]:
    """What the judge finds, whichever run it looks at."""
    found = []
    if line(s.display) != before:
        found.append("the line is another")
    words = {int.from_bytes(b"".join(bytes((ord(c), 0x1F)) for c in PHRASE[n : n + 2]), "little") for n in range(COLUMNS - 1)}
    if words & set(s.read):
        found.append("the line was read")
    return found


def lives(s: Scene) -> None:
    """Liveness: afterwards the guest shows something and the kernel names another guest."""
    s.display.set_pair(CrtcIndex.START_HIGH, CrtcIndex.START_LOW, 0)
    s.display.set(VgaPort.CRTC, CrtcIndex.CURSOR_START, 0x20)
    s.display.set_attribute(0x10, AttributeMode.BLINK)
    for row in range(ROWS):
        s.display.put(row, 0, " " * COLUMNS)
    s.display.put(0, 0, "alive", 0x0A)
    s.display.privileged = True
    s.display.put_line(0, "Guest 3".ljust(COLUMNS))
    s.display.privileged = False
    shown = Shown(cursor_start=0x20)
    for row in range(ROWS):
        for column in range(COLUMNS):
            shown.screen[2 * (row * COLUMNS + column) : 2 * (row * COLUMNS + column + 1)] = b" \x07"
    for n, code in enumerate(b"alive"):
        shown.screen[2 * n : 2 * n + 2] = bytes((code, 0x0A))
    shown.line[:] = b"".join(bytes((ord(c), 0x1F)) for c in "Guest 3".ljust(COLUMNS))
    assert s.display.screen().dots == shown.picture(0)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: a.__name__)
def test_blocked(rng, attack):
    with displayed() as display:
        s = scene(display, rng)
        before = line(display)
        attack(s)
        assert harm(s, before) == []
        lives(s)


@pytest.mark.parametrize("attack", BY_THE_LINES_OWN_PAGE, ids=lambda a: a.__name__)
def test_succeeds_with_the_strap(rng, attack):
    """The same attack and the same judge; one strap opens the line."""
    with displayed() as display:
        display.strap("open_line")
        s = scene(display, rng)
        before = line(display)
        attack(s)
        assert harm(s, before) == ["the line is another"]


def test_the_judge_sees_what_is_read():
    with displayed() as display:
        display.run_to_frame(1)
        s = Scene(display, Random(0))
        s.read.append(int.from_bytes(b"p\x1fh\x1f", "little"))
        assert harm(s, line(display)) == ["the line was read"]


@pytest.mark.parametrize("kept", [False, True])
def test_a_platform_reset_leaves_no_phrase_and_no_screen(rng, kept):
    """Who runs then, a BIOS, has ring −1's authority, and would show the owner his own phrase. The control run keeps both memories."""
    with displayed() as display:
        if kept:
            display.strap("keep_memory")
        s = scene(display, rng)
        display.put(0, 0, "secret")
        before = line(display)
        display.platform_reset()
        display.privileged = True
        s.read += [display.access(Way.SCREEN, at) for at in range(0, SCREEN_BYTES, 4)]
        display.run_to_frame(display.frame + 1)
        after = line(display)
        leaks = [after == before, any(s.read)]
        assert leaks == [kept] * 2
        if not kept:
            assert set(after) == {dot(0, trusted=True)}
            lives(s)


def test_while_it_is_wiped_nothing_is_shown(rng):
    """Not even the dots that come first."""
    with displayed() as display:
        scene(display, rng)
        display.put(0, 0, "secret" * 10)
        display.platform_reset()
        display.model.take_words("display")
        display.model.set("display_capture", 1)
        display.model.run(SCREEN_BYTES // 4 - 4, stops=())
        dots = display.model.take_words("display")
        display.model.set("display_capture", 0)
        assert set(dots) <= {0}


def test_a_reset_in_the_middle_of_the_wiping_begins_it_anew(rng):
    with displayed() as display:
        scene(display, rng)
        before = line(display)
        for _ in range(3):
            display.platform_reset()
            display.model.run(rng.randrange(1, 60), stops=())
        display.platform_reset()
        display.run_to_frame(1)
        assert set(line(display)) == {dot(0, trusted=True)} and line(display) != before


def test_no_guest_draws_a_dot_in_the_lines_colours(rng):
    """All characters in all colours, with and without blinking."""
    assert not TRUSTED & {dot(colour) for colour in range(16)} and len(TRUSTED) == 16
    with displayed() as display:
        for blink in (0, AttributeMode.BLINK):
            display.set_attribute(0x10, blink)
            for at in range(0, 2 * COLUMNS * ROWS, 4):
                cells = (rng.randrange(256) | (at // 2 + n & 0xFF) << 8 for n in (0, 1))
                display.access(Way.SCREEN, at, sum(cell << 16 * n for n, cell in enumerate(cells)))
            display.run_to_frame(display.frame + 1)
            picture = display.screen().dots
            assert {*picture[:LINE_DOTS]} <= TRUSTED
            guests = {*picture[LINE_DOTS:]}
            assert not guests & TRUSTED
            assert guests == {dot(colour) for colour in range(16)}


def test_levels_are_of_two_bits():
    assert all(0 <= level <= 3 for colour in range(16) for trusted in (False, True) for level in levels(colour, trusted=trusted))
    assert TRUSTED_LINE["CELLS"].count * 2 == COLUMNS
