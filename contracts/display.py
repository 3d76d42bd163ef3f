"""The text display: what guests show (a VGA's mode 3, as far as software sees it), and the line above that is ring −1's alone.

The picture has 640 x 480 dots. Its first row of characters is the trusted line; then come 25 rows of 80 characters from screen memory
(``Physical.SCREEN``, two bytes a cell: character, attribute); what is left below is dark.
"""

from enum import IntEnum, IntFlag

from contracts.memory_map import PAGE_SIZE
from contracts.registers import Access, Field, Register, RegisterBlock

__all__ = [
    "ATTRIBUTE_CONTROLLER", "BRIGHT", "BROWN", "CELL_HEIGHT", "CELL_WIDTH", "COLUMNS", "CRTC", "GRAPHICS_CONTROLLER", "MISCELLANEOUS",
    "PICTURE_HEIGHT", "PICTURE_WIDTH", "ROWS", "SCREEN_BYTES", "SCREEN_WINDOW", "SEQUENCER", "TRUSTED_LINE", "AttributeIndex",
    "AttributeMode", "CrtcIndex", "CursorStart", "InputStatus", "VgaPort", "levels",
]  # fmt: skip

COLUMNS, ROWS = 80, 25
CELL_WIDTH, CELL_HEIGHT = 8, 16  # dots
PICTURE_WIDTH, PICTURE_HEIGHT = 640, 480
SCREEN_BYTES = 8 << 10
SCREEN_WINDOW = 32 << 10  # shows screen memory four times over


class VgaPort(IntEnum):
    """I/O ports. Those that are not named read as ones, and so do the palette's (3C6h to 3C9h); what is written there is lost."""

    ATTRIBUTE = 0x3C0  # index and data in turn; read: the index
    ATTRIBUTE_DATA = 0x3C1  # read
    MISCELLANEOUS_WRITE = 0x3C2
    SEQUENCER = 0x3C4
    SEQUENCER_DATA = 0x3C5
    PALETTE_MASK = 0x3C6
    PALETTE_READ_INDEX = 0x3C7
    PALETTE_WRITE_INDEX = 0x3C8
    PALETTE_DATA = 0x3C9
    MISCELLANEOUS = 0x3CC
    GRAPHICS = 0x3CE
    GRAPHICS_DATA = 0x3CF
    CRTC = 0x3D4
    CRTC_DATA = 0x3D5
    INPUT_STATUS = 0x3DA  # reading it makes the next write to ATTRIBUTE an index


class InputStatus(IntFlag):
    """INPUT_STATUS."""

    NO_DISPLAY = 1 << 0  # between lines or between frames
    VERTICAL_RETRACE = 1 << 3


class CrtcIndex(IntEnum):
    """CRTC registers that do something. The others show mode 3 (``CRTC``), and what is written to them is lost."""

    CURSOR_START = 0x0A
    CURSOR_END = 0x0B  # bits 4:0: the last row of dots
    START_HIGH = 0x0C  # the cell in the upper left corner, in cells from the beginning of screen memory; from the next frame on
    START_LOW = 0x0D
    CURSOR_HIGH = 0x0E  # the cursor's cell, likewise; at once
    CURSOR_LOW = 0x0F


class CursorStart(IntFlag):
    """CURSOR_START: bits 4:0 the cursor's first row of dots."""

    OFF = 1 << 5


class AttributeIndex(IntEnum):
    """Attribute controller registers that do something; as with the CRTC's, the others do not."""

    MODE = 0x10


class AttributeMode(IntFlag):
    """MODE. The other bits show mode 3."""

    BLINK = 1 << 3  # attribute bit 7: 1 = it blinks, 0 = it is the background's intensity


CRTC = bytes.fromhex("5f 4f 50 82 55 81 bf 1f 00 4f 0d 0e 00 00 00 00 9c 8e 8f 28 1f 96 b9 a3 ff")
SEQUENCER = bytes.fromhex("03 01 03 00 02")  # characters of eight dots
GRAPHICS_CONTROLLER = bytes.fromhex("00 00 00 00 00 10 0e 00 ff")
ATTRIBUTE_CONTROLLER = bytes.fromhex("00 01 02 03 04 05 14 07 38 39 3a 3b 3c 3d 3e 3f 0c 00 0f 08 00")
MISCELLANEOUS = 0x63  # colour, and so the CRTC at 3D4h; 400 lines of 640
"""What mode 3 writes to a VGA's registers: what they read here, after reset and ever."""

BRIGHT = 1 << 3  # of a colour, above blue, green and red
BROWN = 6


def levels(colour: int, *, trusted: bool) -> tuple[int, int, int]:
    """Red, green and blue of 0 to 3 of a colour of 0 to 15.

    Those of the trusted line are none of the guests', so that no dot that a guest draws looks like one of it: there the lowest bit of blue
    is turned over, while in the guests' colours the lowest bits are equal but for brown.
    """
    bright = colour >> 3 & 1
    red, green, blue = (2 * (colour >> n & 1) + bright for n in (2, 1, 0))
    if trusted:
        return red, green, blue ^ 1
    return (red, 1, blue) if colour == BROWN else (red, green, blue)


TRUSTED_LINE = RegisterBlock(
    name="TRUSTED_LINE",
    size=PAGE_SIZE,
    doc="The first line of the picture. It takes writes with ring −1's authority and no others, and nobody reads it.",
    by_byte=True,
    registers=(
        Register("CELLS", 0x000, Access.WO, "Two cells, the left one lower. Cleared by platform reset.", (
            Field("LEFT_CHARACTER", 0, 8),
            Field("LEFT_ATTRIBUTE", 8, 8, "Colour in 3:0, background in 7:4."),
            Field("RIGHT_CHARACTER", 16, 8),
            Field("RIGHT_ATTRIBUTE", 24, 8),
        ), count=COLUMNS // 2),
    ),
)  # fmt: skip
