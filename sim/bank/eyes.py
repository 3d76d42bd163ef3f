"""What a picture of the screen says: its characters, read by their shapes."""

from functools import cache

from chipset.devices.display.font import glyphs
from contracts.display import CELL_HEIGHT, CELL_WIDTH, COLUMNS
from sim.display.screen import Screen

__all__ = ["read_row"]


@cache
def _shapes() -> dict[bytes, str]:
    """Printable characters by their dots, a byte a row."""
    return {bytes(glyph): chr(code) for code, glyph in enumerate(glyphs()) if 0x20 <= code < 0x7F}


def read_row(screen: Screen, row: int) -> str:
    """A row of the picture, the trusted line being row 0. What is no printable character in two colours is "?"."""
    return "".join(_character(screen, row, column) for column in range(COLUMNS)).rstrip()


def _character(screen: Screen, row: int, column: int) -> str:
    lines = []
    for y in range(row * CELL_HEIGHT, (row + 1) * CELL_HEIGHT):
        at = y * screen.width + column * CELL_WIDTH
        lines.append(screen.dots[at : at + CELL_WIDTH])
    ground = lines[0][0]
    shape = bytes(sum((dot != ground) << (CELL_WIDTH - 1 - n) for n, dot in enumerate(line)) for line in lines)
    return _shapes().get(shape, "?")
