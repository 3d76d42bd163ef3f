"""What the user sees of the kernel: the trusted line's columns and what stands in them; and how the kernel takes the 8042 over."""

from collections.abc import Iterable

from contracts.display import COLUMNS
from contracts.memory_map import Port
from contracts.ps2 import CommandByte, KbcCommand, KeyboardCommand, MouseCommand

__all__ = [
    "ATTENTION_ATTRIBUTE", "ATTENTION_TEXT", "COLUMN_WIDTHS", "LINE_ATTRIBUTE", "NOBODY", "PHRASE_SLOT", "PROGRAM", "trusted_line",
]  # fmt: skip

COLUMN_WIDTHS = (2, 20, 20, 12, 26)
"""Of the trusted line: the number of the guest in front, its name, its identity in short, its label, the owner's secret phrase. A column
ends with a space, and no text leaves its own."""
assert sum(COLUMN_WIDTHS) == COLUMNS

_SHORT, _GROUP = 16, 4  # of an identity's digits so many are shown, in such groups
LINE_ATTRIBUTE = 0x1F  # bright white on blue
ATTENTION_ATTRIBUTE = 0x4F  # bright white on red
ATTENTION_TEXT = "guest 1-9, or Esc?"  # in the place of the name, while no guest gets keys

_ANSWERS = ((Port.KBC_DATA, None),) * 4  # what a device answers to a command is read, and so is what was left from before
PROGRAM: tuple[tuple[int, int | None], ...] = (
    (Port.KBC_STATUS, KbcCommand.DISABLE_KEYBOARD), (Port.KBC_STATUS, KbcCommand.DISABLE_MOUSE),
    (Port.KBC_STATUS, KbcCommand.WRITE_COMMAND_BYTE), (Port.KBC_DATA, CommandByte.SYSTEM), *_ANSWERS,
    (Port.KBC_DATA, KeyboardCommand.ENABLE), *_ANSWERS,
    (Port.KBC_STATUS, KbcCommand.WRITE_MOUSE), (Port.KBC_DATA, MouseCommand.RESET), *_ANSWERS,
    (Port.KBC_STATUS, KbcCommand.WRITE_MOUSE), (Port.KBC_DATA, MouseCommand.ENABLE), *_ANSWERS,
)  # fmt: skip
"""Ports and bytes (None: it is read) that make the 8042 pass on what keyboard and mouse say, as it is and without interrupts, whatever it
was told before."""

NOBODY = bytes(32)  # the name under which the kernel keeps what is its own in sealed storage: of no guest is this the digest
PHRASE_SLOT = 0


def trusted_line(front: tuple[str, str, str, Iterable[str]] | None, phrase: bytes, attention: bool, bounded: bool = True) -> list[int]:
    """What is written to ``TRUSTED_LINE``, word by word. ``front``: number, name, identity and label's marks of the guest in front, if
    there is one. Printable ASCII alone is shown, each text in its column; ``bounded=False`` (control runs only): the texts as they are."""

    def column(text: str, width: int) -> str:
        return "".join(c if " " <= c <= "~" else "?" for c in text)[: width - 1].ljust(width) if bounded else text.ljust(width)

    number, name, identity, marks = front or ("", "", "", ())
    short = " ".join(identity[n : n + _GROUP] for n in range(0, min(len(identity), _SHORT), _GROUP))
    texts = (number, ATTENTION_TEXT if attention else name, short, " ".join(sorted(marks)), phrase.decode("latin-1"))
    line = "".join(map(column, texts, COLUMN_WIDTHS))[:COLUMNS].encode("latin-1", "replace")
    attribute = (ATTENTION_ATTRIBUTE if attention else LINE_ATTRIBUTE) << 8
    return [left | attribute | (right | attribute) << 16 for left, right in zip(line[::2], line[1::2], strict=True)]
