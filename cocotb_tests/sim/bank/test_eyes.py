"""A picture's characters are read by their shapes."""

from cocotb_tests.chipset.devices.display.reference import Shown
from contracts.display import COLUMNS
from sim.bank.eyes import read_row
from sim.display.screen import Screen

__all__: list[str] = []

PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))  # ends without a space


def test_what_is_shown_is_read() -> None:
    shown = Shown(cursor_start=0x20)
    for place, text, attribute in ((0, PRINTABLE[:COLUMNS], 0x07), (COLUMNS, PRINTABLE[COLUMNS:], 0x1F)):
        shown.screen[2 * place : 2 * (place + len(text))] = b"".join(bytes((ord(c), attribute)) for c in text)
    line = "2 bank   the owner's phrase"
    shown.line[: 2 * len(line)] = b"".join(bytes((ord(c), 0x1F)) for c in line)
    shown.screen[2 * 3 * COLUMNS : 2 * 3 * COLUMNS + 2] = b"\x01\x07"
    screen = Screen(shown.picture(0))
    assert read_row(screen, 0) == line
    assert read_row(screen, 1) + read_row(screen, 2) == PRINTABLE
    assert read_row(screen, 4) == "?"
