"""Just enough Markdown: tables, bit ranges, hexadecimal numbers."""

from collections.abc import Iterable, Sequence

__all__ = ["bits", "hexadecimal", "table"]


def hexadecimal(value: int, digits: int = 0) -> str:
    """``FED8_0000h``; groups of four digits where there are more than four."""
    text = f"{value:0{digits}X}"
    head = len(text) % 4
    groups = ([text[:head]] if head else []) + [text[n : n + 4] for n in range(head, len(text), 4)]
    return "_".join(groups) + "h"


def bits(lsb: int, width: int) -> str:
    """``5`` or ``5:3``."""
    return str(lsb) if width == 1 else f"{lsb + width - 1}:{lsb}"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Lines of a table; vertical bars in cells are escaped."""

    def line(cells: Sequence[object]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"

    return [line(head), "|" + " --- |" * len(head), *(line(row) for row in rows), ""]
