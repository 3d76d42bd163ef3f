"""How the kernel shows itself to the user and hears him: the trusted line's columns, its own keys, and how it takes the 8042 over."""

from contracts.display import COLUMNS, CrtcIndex, VgaPort
from contracts.memory_map import Port
from contracts.ps2 import CommandByte, KbcCommand, KeyboardCommand, MouseCommand

__all__ = [
    "ATTENTION", "ATTENTION_ATTRIBUTE", "ATTENTION_TEXT", "CHOICES", "COLUMN_WIDTHS", "DISPLAY_SIGN", "ESCAPE", "LINE_ATTRIBUTE", "NOBODY",
    "PHRASE_SLOT", "PROGRAM",
]  # fmt: skip

ATTENTION = b"\x07"  # F12, as all keys here in scan code set 2
ESCAPE = b"\x76"
CHOICES = {bytes([code]): number for number, code in enumerate(bytes.fromhex("16 1e 26 25 2e 36 3d 3e 46"), 1)}  # the digits' row

COLUMN_WIDTHS = (2, 20, 20, 12, 26)
"""Of the trusted line: the number of the guest in front, its name, its identity in short, its label, the owner's secret phrase. A column
ends with a space, and no text leaves its own."""
assert sum(COLUMN_WIDTHS) == COLUMNS

LINE_ATTRIBUTE = 0x1F  # bright white on blue
ATTENTION_ATTRIBUTE = 0x4F  # bright white on red
ATTENTION_TEXT = "guest 1-9, or Esc?"  # in the place of the name, while no guest gets keys

DISPLAY_SIGN = int(CrtcIndex.CURSOR_LOW)
_ANSWERS = ((Port.KBC_DATA, None),) * 4  # what a device answers to a command is read, and so is what was left from before
PROGRAM: tuple[tuple[int, int | None], ...] = (
    (Port.KBC_STATUS, KbcCommand.DISABLE_KEYBOARD), (Port.KBC_STATUS, KbcCommand.DISABLE_MOUSE),
    (Port.KBC_STATUS, KbcCommand.WRITE_COMMAND_BYTE), (Port.KBC_DATA, CommandByte.SYSTEM), *_ANSWERS,
    (Port.KBC_DATA, KeyboardCommand.ENABLE), *_ANSWERS,
    (Port.KBC_STATUS, KbcCommand.WRITE_MOUSE), (Port.KBC_DATA, MouseCommand.RESET), *_ANSWERS,
    (Port.KBC_STATUS, KbcCommand.WRITE_MOUSE), (Port.KBC_DATA, MouseCommand.ENABLE), *_ANSWERS, (VgaPort.CRTC, DISPLAY_SIGN),
)  # fmt: skip
"""Ports and bytes (None: it is read) that make the 8042 pass on what keyboard and mouse say, as it is and without interrupts, whatever it
was told before; and DISPLAY_SIGN into a register of the display, where it is read again if there is a display."""

NOBODY = bytes(32)  # the name under which the kernel keeps what is its own in sealed storage: of no guest is this the digest
PHRASE_SLOT = 0
