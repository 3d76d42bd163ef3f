"""The registers, as BIOSes and Linux's vgacon drive them."""

import pytest

from cocotb_tests.chipset.devices.display.bench import FRAME, Display, displayed
from cocotb_tests.chipset.devices.display.reference import Shown
from cocotb_tests.chipset.devices.display.shown_top import RASTER
from contracts.display import (
    ATTRIBUTE_CONTROLLER,
    COLUMNS,
    CRTC,
    GRAPHICS_CONTROLLER,
    MISCELLANEOUS,
    ROWS,
    SEQUENCER,
    CrtcIndex,
    InputStatus,
    VgaPort,
)

__all__: list[str] = []

KEPT = {  # CRTC registers and their bits
    CrtcIndex.CURSOR_START: 0x3F, CrtcIndex.CURSOR_END: 0x7F, CrtcIndex.START_HIGH: 0xFF, CrtcIndex.START_LOW: 0xFF,
    CrtcIndex.CURSOR_HIGH: 0xFF, CrtcIndex.CURSOR_LOW: 0xFF,
}  # fmt: skip


def attributes(display: Display) -> bytes:
    found = []
    for index in range(len(ATTRIBUTE_CONTROLLER)):
        display.input(VgaPort.INPUT_STATUS)
        display.output(VgaPort.ATTRIBUTE, index)
        found.append(display.input(VgaPort.ATTRIBUTE_DATA))
    return bytes(found)


def test_mode_3_is_shown_and_little_of_it_can_be_changed(rng):
    with displayed() as display:
        crtc = bytearray(CRTC)
        for _ in range(3):
            assert bytes(display.show(VgaPort.CRTC, n) for n in range(len(CRTC))) == crtc
            assert bytes(display.show(VgaPort.SEQUENCER, n) for n in range(len(SEQUENCER))) == SEQUENCER
            assert bytes(display.show(VgaPort.GRAPHICS, n) for n in range(len(GRAPHICS_CONTROLLER))) == GRAPHICS_CONTROLLER
            assert attributes(display) == ATTRIBUTE_CONTROLLER
            assert display.input(VgaPort.MISCELLANEOUS) == MISCELLANEOUS
            display.output(VgaPort.MISCELLANEOUS_WRITE, rng.randrange(256))
            for port, count in ((VgaPort.SEQUENCER, 5), (VgaPort.GRAPHICS, 9)):
                for n in range(count):
                    display.set(port, n, rng.randrange(256))
            for n in range(16):
                display.set_attribute(n, rng.randrange(256))
            for n in range(len(CRTC)):
                value = rng.randrange(256)
                display.set(VgaPort.CRTC, n, value)
                crtc[n] = value & KEPT[CrtcIndex(n)] if n in KEPT else crtc[n]


def test_index_registers_read_back():
    with displayed() as display:
        for port, index in ((VgaPort.CRTC, 0x0E), (VgaPort.SEQUENCER, 4), (VgaPort.GRAPHICS, 6)):
            display.output(port, index)
            assert display.input(port) == index


def test_index_and_data_of_the_attribute_controller_in_turn():
    with displayed() as display:
        display.input(VgaPort.INPUT_STATUS)
        display.output(VgaPort.ATTRIBUTE, 0x30)  # MODE, with the bit that keeps the screen on
        assert display.input(VgaPort.ATTRIBUTE) == 0x30
        assert display.input(VgaPort.ATTRIBUTE_DATA) == 0x0C
        display.output(VgaPort.ATTRIBUTE, 0x04)  # data
        assert display.input(VgaPort.ATTRIBUTE_DATA) == 0x04
        display.output(VgaPort.ATTRIBUTE, 0x01)  # index
        display.input(VgaPort.INPUT_STATUS)
        display.output(VgaPort.ATTRIBUTE, 0x10)  # index again
        display.output(VgaPort.ATTRIBUTE, 0x0C)
        assert display.input(VgaPort.ATTRIBUTE_DATA) == 0x0C


def test_ports_that_are_not_there_read_as_ones():
    with displayed() as display:
        for port in (0x3C6, 0x3C7, 0x3C8, 0x3C9, 0x3CA, 0x3CB, 0x3CD, 0x3D0, 0x3D6, 0x3D9, 0x3DB, 0x3DF):
            display.output(port, 0)
            assert display.input(port) == 0xFF


def test_waiting_for_the_retrace():
    """In, out and in again within two frames, as software waits that paces itself by it; and lines in between."""
    with displayed() as display:
        model = display.model
        changes, lines, last = [], 0, display.input(VgaPort.INPUT_STATUS)
        begun = model.cycle
        while model.cycle < begun + 2 * FRAME:
            now = display.input(VgaPort.INPUT_STATUS)
            if (now ^ last) & InputStatus.VERTICAL_RETRACE:
                changes.append(model.cycle)
                assert now & InputStatus.NO_DISPLAY
            lines += bool(now & ~last & InputStatus.NO_DISPLAY)
            last = now
        assert len(changes) in (3, 4)
        assert abs(changes[2] - changes[0] - FRAME) < 20
        assert abs(lines - 2 * 480) < 5
        assert any(abs(b - a - RASTER.vertical_sync * RASTER.dots) < 20 for a, b in zip(changes, changes[1:], strict=False))


def vgacon(display: Display, shown: Shown) -> None:
    """vgacon_startup's registers and palette, a cursor's size and place, and a scroll by a line."""
    for n in range(16):
        display.set_attribute(n, n)
    display.output(VgaPort.ATTRIBUTE, 0x20)
    for n in range(16):
        display.output(VgaPort.PALETTE_WRITE_INDEX, n)
        for level in (n, n, n):
            display.output(VgaPort.PALETTE_DATA, level)
    shown.cursor_start = display.show(VgaPort.CRTC, CrtcIndex.CURSOR_START) & 0xC0 | 0x0B
    shown.cursor_end = display.show(VgaPort.CRTC, CrtcIndex.CURSOR_END) & 0xE0 | 0x0C
    display.set(VgaPort.CRTC, CrtcIndex.CURSOR_START, shown.cursor_start)
    display.set(VgaPort.CRTC, CrtcIndex.CURSOR_END, shown.cursor_end)
    shown.cursor, shown.start = 3 * COLUMNS + 5, COLUMNS
    display.set_pair(CrtcIndex.CURSOR_HIGH, CrtcIndex.CURSOR_LOW, shown.cursor)
    display.set_pair(CrtcIndex.START_HIGH, CrtcIndex.START_LOW, shown.start)


def test_as_linux_sets_up_and_scrolls():
    with displayed() as display:
        shown = Shown()
        for row in range(ROWS + 1):
            display.put(row, 0, chr(ord("A") + row))
            shown.screen[2 * COLUMNS * row : 2 * COLUMNS * row + 2] = bytes((ord("A") + row, 0x07))
        display.run_to_frame(1)
        assert display.screen().dots == shown.picture(1)
        vgacon(display, shown)
        display.run_to_frame(16)
        assert display.screen().dots == shown.picture(16)
        place = [display.show(VgaPort.CRTC, index) for index in (CrtcIndex.CURSOR_HIGH, CrtcIndex.CURSOR_LOW)]
        assert place == [0, 3 * COLUMNS + 5]


@pytest.mark.parametrize("index", range(len(CRTC), 32))
def test_indices_beyond_the_last_do_nothing(index):
    with displayed() as display:
        display.set(VgaPort.CRTC, index, 0x5A)
        assert bytes(display.show(VgaPort.CRTC, n) for n in range(len(CRTC))) == CRTC
