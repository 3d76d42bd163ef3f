"""What the display must show, from what it was told: plain Python, a dot at a time, without a thought for how the circuit goes."""

from dataclasses import dataclass, field
from functools import cache

from chipset.devices.display.font import glyphs
from contracts.display import CELL_HEIGHT, CELL_WIDTH, COLUMNS, PICTURE_HEIGHT, PICTURE_WIDTH, ROWS, SCREEN_BYTES, levels

__all__ = ["DARK", "Shown", "dot"]

DARK = 0
_CELLS = SCREEN_BYTES // 2
_ADDRESSES = 1 << 16
_CURSOR_PERIOD, _BLINK_PERIOD = 16, 32  # frames; on in the first half


@cache
def dot(colour: int, *, trusted: bool = False) -> int:
    """A colour as a byte of ``sim.display.screen.Screen``."""
    red, green, blue = levels(colour, trusted=trusted)
    return red << 4 | green << 2 | blue


@cache
def _font() -> list[bytes]:
    return glyphs()


@cache
def _row_of_dots(bits: int, foreground: int, background: int) -> bytes:
    return bytes(foreground if bits >> n & 1 else background for n in reversed(range(CELL_WIDTH)))


@dataclass
class Shown:
    """Memory and registers, as software has left them."""

    screen: bytearray = field(default_factory=lambda: bytearray(SCREEN_BYTES))
    line: bytearray = field(default_factory=lambda: bytearray(2 * COLUMNS))
    start: int = 0
    cursor: int = 0
    cursor_start: int = 0x0D
    cursor_end: int = 0x0E
    blink: bool = True

    def picture(self, frame: int) -> bytes:
        """The dots of the frame of that number."""
        dots = bytearray()
        for row in range(PICTURE_HEIGHT // CELL_HEIGHT):
            for scan in range(CELL_HEIGHT):
                for column in range(COLUMNS):
                    dots += self._cell(row, scan, column, frame)
        assert len(dots) == PICTURE_WIDTH * PICTURE_HEIGHT
        return bytes(dots)

    def _cell(self, row: int, scan: int, column: int, frame: int) -> bytes:
        if row == 0:
            character, attribute = self.line[2 * column : 2 * column + 2]
            return _row_of_dots(_font()[character][scan], dot(attribute & 15, trusted=True), dot(attribute >> 4, trusted=True))
        if row > ROWS:
            return bytes((DARK,)) * CELL_WIDTH
        address = (self.start + (row - 1) * COLUMNS + column) % _ADDRESSES
        at = 2 * (address % _CELLS)
        character, attribute = self.screen[at : at + 2]
        bits, foreground, background = _font()[character][scan], attribute & 15, attribute >> 4
        if self.blink:
            background &= 7
            if attribute & 0x80 and frame % _BLINK_PERIOD >= _BLINK_PERIOD // 2:
                bits = 0
        on = not self.cursor_start & 0x20 and frame % _CURSOR_PERIOD < _CURSOR_PERIOD // 2
        if address == self.cursor and on and self.cursor_start & 31 <= scan <= self.cursor_end & 31:
            bits = 0xFF
        return _row_of_dots(bits, dot(foreground), dot(background))
