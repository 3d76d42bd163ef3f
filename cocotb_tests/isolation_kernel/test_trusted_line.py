"""The trusted line: each text in its columns, printable ASCII alone, whatever the texts hold."""

import random

import pytest

from contracts.display import COLUMNS
from contracts.user_view import ATTENTION_ATTRIBUTE, ATTENTION_TEXT, COLUMN_WIDTHS, LINE_ATTRIBUTE
from isolation_kernel.trusted_line import trusted_line

__all__: list[str] = []

ODD = ("\0", "\n", "\r\n", "\x1b[2J", "\x7f", "\x80", "\xa0", "\xb3", "é", "‮", "\u200b", "漢", "\ud800", "\U0001f512")


def cells(*texts: str, phrase: bytes = b"phrase", attention: bool = False, bounded: bool = True) -> tuple[list[str], set[int]]:
    """The columns' texts and the attributes of a line."""
    name, identity, *marks = texts
    words = trusted_line(("1", name, identity, marks), phrase, attention, bounded)
    line = b"".join(word.to_bytes(4, "little") for word in words)
    assert len(line) == 2 * COLUMNS
    text, columns = line[::2].decode("latin-1"), []
    for width in COLUMN_WIDTHS:
        columns.append(text[:width])
        text = text[width:]
    return columns, set(line[1::2])


def printable(text: str) -> bool:
    return all(" " <= character <= "~" for character in text)


def test_a_line_of_ordinary_texts() -> None:
    columns, attributes = cells("bank", "0123456789abcdef" * 4, "secret", "bank")
    assert [column.rstrip() for column in columns] == ["1", "bank", "0123 4567 89ab cdef", "bank secret", "phrase"]
    assert attributes == {LINE_ATTRIBUTE}


def test_while_the_user_chooses() -> None:
    columns, attributes = cells("bank", "", attention=True)
    assert columns[1].rstrip() == ATTENTION_TEXT and columns[4].rstrip() == "phrase" and attributes == {ATTENTION_ATTRIBUTE}
    assert ATTENTION_ATTRIBUTE != LINE_ATTRIBUTE


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_what_cannot_be_shown_is_a_question_mark(odd: str) -> None:
    """One for each character: nothing moves, ends or hides what follows."""
    shown = "".join(c if printable(c) else "?" for c in odd)
    name, _, mark = cells(f"a{odd}b", "", f"c{odd}d")[0][1:4]
    assert name.rstrip() == f"a{shown}b" and mark.rstrip() == f"c{shown}d"


def test_so_it_is_in_identity_and_phrase() -> None:
    everything = bytes(range(256))
    assert all(map(printable, cells("name", "\x1b[2J\0", phrase=everything[:25])[0]))
    assert all(map(printable, cells("name", everything[-16:].decode("latin-1"), phrase=everything[-25:])[0]))


def test_no_text_leaves_its_columns(rng: random.Random) -> None:
    """Nor does any reach the next: a column ends with a space."""
    for _ in range(300):
        texts = [
            "".join(chr(rng.choice((rng.randrange(0x20, 0x7F), rng.randrange(0x300)))) for _ in range(rng.randrange(60))) for _ in range(3)
        ]
        columns, _ = cells(*texts, phrase=rng.randbytes(rng.randrange(60)))
        assert all(map(printable, columns)) and all(column.endswith(" ") for column in columns)
        assert columns[0] == "1 " and columns[1] == "".join(c if printable(c) else "?" for c in texts[0])[:19].ljust(20)


def test_without_columns_a_name_shows_an_identity_of_its_own() -> None:
    assert "9f3c" in cells("bank".ljust(20) + "9f3c", "", bounded=False)[0][2]


def test_nobody_is_in_front() -> None:
    words = trusted_line(None, b"phrase", False)
    text = b"".join(word.to_bytes(4, "little") for word in words)[::2].decode()
    assert text == " " * sum(COLUMN_WIDTHS[:4]) + "phrase".ljust(COLUMN_WIDTHS[4])
