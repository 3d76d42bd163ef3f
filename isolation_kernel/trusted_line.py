"""What the trusted line shows: who is in front, and the owner's secret phrase."""

from collections.abc import Iterable

from contracts.canonical import short
from contracts.display import COLUMNS
from contracts.user_view import ATTENTION_ATTRIBUTE, ATTENTION_TEXT, COLUMN_WIDTHS, LINE_ATTRIBUTE

__all__ = ["trusted_line"]


def trusted_line(front: tuple[str, str, str, Iterable[str]] | None, phrase: bytes, attention: bool, bounded: bool = True) -> list[int]:
    """What is written to ``TRUSTED_LINE``, word by word. ``front``: number, name, identity and label's marks of the guest in front, if
    there is one. Printable ASCII alone is shown, each text in its column; ``bounded=False`` (control runs only): the texts as they are."""

    def column(text: str, width: int) -> str:
        return "".join(c if " " <= c <= "~" else "?" for c in text)[: width - 1].ljust(width) if bounded else text.ljust(width)

    number, name, identity, marks = front or ("", "", "", ())
    texts = number, ATTENTION_TEXT if attention else name, short(identity), " ".join(sorted(marks)), phrase.decode("latin-1")
    line = "".join(map(column, texts, COLUMN_WIDTHS))[:COLUMNS].encode("latin-1", "replace")
    attribute = (ATTENTION_ATTRIBUTE if attention else LINE_ATTRIBUTE) << 8
    return [left | attribute | (right | attribute) << 16 for left, right in zip(line[::2], line[1::2], strict=True)]
