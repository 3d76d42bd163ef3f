"""Whole pictures against the reference: text, colours, scrolling, cursor, blinking."""

from random import Random

import pytest

from cocotb_tests.chipset.devices.display.bench import FRAME, Display, displayed
from cocotb_tests.chipset.devices.display.reference import DARK, Shown, dot
from cocotb_tests.chipset.devices.display.shown_top import RASTER, Way
from contracts.display import CELL_HEIGHT, COLUMNS, PICTURE_HEIGHT, PICTURE_WIDTH, ROWS, SCREEN_BYTES, AttributeMode, CrtcIndex, VgaPort
from sim.display.screen import CAPTURED

__all__: list[str] = []


def fill(display: Display, shown: Shown, rng: Random) -> None:
    """All of screen memory and of the line."""
    shown.screen[:] = rng.randbytes(SCREEN_BYTES)
    shown.line[:] = rng.randbytes(2 * COLUMNS)
    display.privileged = True
    for way, data in ((Way.SCREEN, shown.screen), (Way.LINE, shown.line)):
        for at in range(0, len(data), 4):
            display.access(way, at, int.from_bytes(data[at : at + 4], "little"))
    display.privileged = False


def set_cursor(display: Display, shown: Shown, cell: int, first: int, last: int) -> None:
    display.set_pair(CrtcIndex.CURSOR_HIGH, CrtcIndex.CURSOR_LOW, cell)
    display.set(VgaPort.CRTC, CrtcIndex.CURSOR_START, first)
    display.set(VgaPort.CRTC, CrtcIndex.CURSOR_END, last)
    shown.cursor, shown.cursor_start, shown.cursor_end = cell, first, last


def compare(display: Display, shown: Shown) -> None:
    frame = display.frame
    assert display.screen().dots == shown.picture(frame)


def test_the_picture_from_power_on():
    """A cursor on black, and the line's own black above it."""
    with displayed() as display:
        display.run_to_frame(1)
        compare(display, Shown())
        picture = display.screen()
        assert {picture.dots[n] for n in range(CELL_HEIGHT * PICTURE_WIDTH)} == {dot(0, trusted=True)} != {DARK}


def test_random_screens(rng):
    with displayed() as display:
        shown = Shown()
        fill(display, shown, rng)
        for _ in range(6):
            shown.start = rng.choice((rng.randrange(1 << 16), rng.randrange(SCREEN_BYTES // 2), 0xFFFF - rng.randrange(2000)))
            display.set_pair(CrtcIndex.START_HIGH, CrtcIndex.START_LOW, shown.start)
            cell = rng.choice((shown.start + rng.randrange(COLUMNS * ROWS), rng.randrange(1 << 16))) % (1 << 16)
            set_cursor(display, shown, cell, rng.randrange(64), rng.randrange(128))
            shown.blink = rng.random() < 0.5
            display.set_attribute(0x10, AttributeMode.BLINK if shown.blink else 0)
            display.run_to_frame(display.frame + 1 + rng.randrange(32))
            compare(display, shown)


def test_cursor_and_characters_blink_frame_by_frame(rng):
    with displayed() as display:
        shown = Shown()
        for column, attribute in ((0, 0x87), (1, 0x07), (2, 0xF1)):
            display.put(0, column, "A", attribute)
            shown.screen[2 * column : 2 * column + 2] = bytes((0x41, attribute))
        set_cursor(display, shown, 2, 0, 15)
        seen = []
        for frame in range(1, 72, 2):  # a picture ends in the next frame's first cycles
            display.run_to_frame(frame)
            picture = display.screen()
            assert picture.dots == shown.picture(frame)
            seen.append(picture.dots)
        assert len(set(seen)) == 4, "on and off, each by itself"


@pytest.mark.parametrize(
    ("first", "last", "rows"), [(13, 14, {13, 14}), (0, 15, set(range(16))), (5, 4, set()), (0x2D, 14, set()), (0, 31, set(range(16)))]
)
def test_shapes_of_the_cursor(first, last, rows):
    with displayed() as display:
        shown = Shown()
        display.put(1, 3, " ", 0x0F)
        set_cursor(display, shown, COLUMNS + 3, first, last)
        display.run_to_frame(1)
        picture = display.screen()
        lit = {y - 2 * CELL_HEIGHT for y in range(PICTURE_HEIGHT) if picture.levels(3 * 8, y) == (3, 3, 3)}
        assert lit == rows


def test_a_frame_is_not_torn():
    """The start address counts from the next frame on, the cursor's at once."""
    with displayed() as display:
        shown = Shown()
        for row in range(ROWS + 1):
            display.put(row, 0, f"row {row:2d}")
            for n, code in enumerate(f"row {row:2d}".encode()):
                shown.screen[2 * (COLUMNS * row + n) : 2 * (COLUMNS * row + n + 1)] = bytes((code, 0x07))
        set_cursor(display, shown, 0xFFFF, 0, 0)
        display.run_to_frame(1)
        display.model.set("display_capture", 1)
        display.model.run(FRAME // 2, stops=())
        display.set_pair(CrtcIndex.START_HIGH, CrtcIndex.START_LOW, COLUMNS)
        assert display.model.run(FRAME, stops=(CAPTURED,)).stops
        display.model.set("display_capture", 0)
        display.model.run(1, stops=())
        assert display.model.take_words("display") == shown.picture(1)
        shown.start = COLUMNS
        compare(display, shown)


def test_the_raster():
    """Syncs and blanking of a frame, counted; so does software that waits for them see them."""
    with displayed() as display:
        model = display.model
        at = []
        for _ in range(3):
            assert model.run(2 * FRAME, stops=("vertical_sync",)).stops
            at.append(model.cycle)
            model.run(RASTER.dots * RASTER.vertical_sync, stops=())
            assert not model.get("vertical_sync")
        assert [b - a for a, b in zip(at, at[1:], strict=False)] == [FRAME] * 2
        visible = syncs = 0
        for _ in range(4 * RASTER.dots):
            visible += model.get("visible")
            syncs += model.get("horizontal_sync")
            model.run(1, stops=())
        assert syncs == 4 * RASTER.sync and visible in (n * PICTURE_WIDTH for n in range(5))


def test_the_reference_sees_a_difference(rng):
    """Another letter, another bit of an attribute, in the screen's corners and in the line's."""
    with displayed() as display:
        shown = Shown()
        fill(display, shown, rng)
        display.privileged = True
        for row, column in ((0, 0), (ROWS - 1, COLUMNS - 1)):
            display.put(row, column, "A", 0x07)
            shown.screen[2 * (row * COLUMNS + column) : 2 * (row * COLUMNS + column + 1)] = b"A\x07"
        for column in (0, COLUMNS - 1):
            display.put_line(column, "A", 0x1F)
            shown.line[2 * column : 2 * column + 2] = b"A\x1f"
        display.run_to_frame(1)
        picture = display.screen().dots
        assert picture == shown.picture(1)
        for memory, cell in ((shown.screen, 0), (shown.screen, COLUMNS * ROWS - 1), (shown.line, 0), (shown.line, COLUMNS - 1)):
            for byte in range(2):
                memory[2 * cell + byte] ^= 2
                assert picture != shown.picture(1)
                memory[2 * cell + byte] ^= 2
