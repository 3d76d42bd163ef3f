"""Attacks on what the user believes: false trusted lines, and the true one written or pushed aside.

The user looks for the bank. The attacker is in front, and the true line says so.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cocotb_tests.attacks.path.attack import Attack, Conditions, Seeded, attack
from cocotb_tests.attacks.path.bench import ARMED, FORGED, PHRASE, Bench, busy
from cocotb_tests.isolation_kernel.world import paging_on
from contracts.architecture import Pte
from contracts.display import COLUMNS, ROWS, SCREEN_BYTES, CrtcIndex, VgaPort, levels
from contracts.memory_map import Physical
from contracts.user_view import COLUMN_WIDTHS, LINE_ATTRIBUTE
from isolation_kernel.model.memory import Straps
from isolation_kernel.model.script import Out, Script, Spin, Write
from isolation_kernel.trusted_line import trusted_line

__all__ = ["LINE"]

LINE: list[Attack] = []

_BANK, _SHOWN_IDENTITY = "bank", "9f3c 12ab 77de 0042"
_IDENTITY = _SHOWN_IDENTITY.replace(" ", "") + 48 * "0"  # as whoever sits at the bank's screen reads it
_NAMED = sum(COLUMN_WIDTHS[:2])  # cells with number and name
_GUESSES = (b"pelican", b"Pelican under glass", b"pelican under grass", b"under glass", b"pelican under glas", b"swordfish", b"", 25 * b"x")
_STARTS = (0, 0xFFB0, COLUMNS, SCREEN_BYTES // 2 - COLUMNS, 0x0FD8, 1)  # cells from which a screen may be made to begin

_Colours = frozenset[tuple[tuple[int, int, int], tuple[int, int, int]]]


@dataclass(frozen=True)
class Row:
    """Of the picture: its text, and the colours and backgrounds of the cells of number and name."""

    text: str
    colours: _Colours

    @property
    def says_bank(self) -> bool:
        """As a trusted line does."""
        return self.text[COLUMN_WIDTHS[0] :].startswith(_BANK + " ")


def _row(cells: bytes, trusted: bool) -> Row:
    pairs = {(levels(cell & 15, trusted=trusted), levels(cell >> 4, trusted=trusted)) for cell in cells[1 : 2 * _NAMED : 2]}
    return Row(cells[::2].decode("latin-1"), frozenset(pairs))


def _picture(bench: Bench, seeded: frozenset[Seeded]) -> list[Row]:
    """From above, as the display shows it: intensity instead of blinking, which gives a guest the more colours."""
    memory, registers = bench.machine.memory, bench.machine.vga.state()
    shown = {number: registers[2 * n + 1][1] or 0 for n, number in enumerate(CrtcIndex)}
    at = 2 * (shown[CrtcIndex.START_HIGH] << 8 | shown[CrtcIndex.START_LOW]) % SCREEN_BYTES
    seen = bytes(memory.screen[at:] + memory.screen[:at])
    rows = [_row(seen[2 * COLUMNS * n :][: 2 * COLUMNS], False) for n in range(ROWS)]
    return [*(() if Seeded.NO_LINE in seeded else (_row(bytes(memory.line), Seeded.ONE_PALETTE not in seeded),)), *rows]


_User = Callable[[list[Row]], bool]


def _who_looks_for_the_phrase(rows: list[Row]) -> bool:
    """Wherever it stands, in whatever colours."""
    return any(row.says_bank and row.text[-COLUMN_WIDTHS[-1] :].rstrip() == PHRASE.decode() for row in rows)


def _who_looks_at_the_first_row(rows: list[Row]) -> bool:
    """And there for the phrase."""
    return _who_looks_for_the_phrase(rows[:1])


def _who_looks_for_the_colours(rows: list[Row]) -> bool:
    """Those of the first row, and reads no phrase."""
    return any(row.says_bank and row.colours == rows[0].colours for row in rows)


def _false_line(row: int, phrase: bytes, attribute: int) -> Iterator[Write]:
    for n, word in enumerate(trusted_line(("2", _BANK, _IDENTITY, ()), phrase, False)):
        coloured = word & 0x00FF_00FF | attribute << 8 | attribute << 24
        yield Write(Physical.SCREEN + 2 * COLUMNS * row + 4 * n, coloured)


def _deceives(draws: Callable[[], Script], user: _User, on: Conditions) -> bool:
    """Whether the user has ever believed that the bank is in front, at any picture."""
    bench, done = Bench(on), False

    def script() -> Script:
        nonlocal done
        yield from draws()
        done = True
        yield from busy()

    bench.guest(script, one_to_one=True)
    bench.named(_BANK, busy)
    while not done:
        bench.run(1)
        if user(_picture(bench, on.seeded)):
            return True
    bench.run(ARMED)
    return user(_picture(bench, on.seeded))


@attack(LINE, Seeded.PHRASE_TOLD)
def draws_the_line_with_phrases_that_it_guesses(on: Conditions) -> bool:
    """Below the true one, as that shows it, for a user who looks for the phrase alone."""
    guesses = (*_GUESSES, *((PHRASE,) if Seeded.PHRASE_TOLD in on.seeded else ()))

    def draws() -> Script:
        for row, guess in enumerate(guesses):
            yield from _false_line(row, guess, LINE_ATTRIBUTE)

    return _deceives(draws, _who_looks_for_the_phrase, on)


@attack(LINE, Seeded.ONE_PALETTE)
def draws_the_line_in_every_colour(on: Conditions) -> bool:
    """With the right phrase, for a user who looks at the colours alone."""

    def draws() -> Script:
        for attribute in range(256):
            yield from _false_line(attribute % ROWS, PHRASE, attribute)
            yield Spin(200)

    return _deceives(draws, _who_looks_for_the_colours, on)


@attack(LINE, Seeded.NO_LINE)
def draws_the_line_where_the_picture_begins(on: Conditions) -> bool:
    """With the right phrase, wherever its screen may be made to begin, for a user who looks at the first row."""

    def draws() -> Script:
        for start in _STARTS:
            for number, byte in ((CrtcIndex.START_HIGH, start >> 8), (CrtcIndex.START_LOW, start & 0xFF)):
                yield Out(VgaPort.CRTC, number)
                yield Out(VgaPort.CRTC_DATA, byte)
            yield from _false_line(0, PHRASE, LINE_ATTRIBUTE)
            yield Spin(9_000)

    return _deceives(draws, _who_looks_at_the_first_row, on)


_OPEN = Straps(authority_check=False)  # the display's own check of authority is off in both runs


def _writes_the_line(words: list[tuple[int, int]], on: Conditions) -> Bench:
    def script() -> Script:
        yield from paging_on()
        yield Write(0x11000 + 4 * 32, Physical.TRUSTED_LINE | Pte.P | Pte.RW)
        for at, word in words:
            yield Write(0x20000 + at, word)
        yield from busy()

    bench = Bench(on, straps=_OPEN)
    bench.guest(script, one_to_one=True)
    bench.named(_BANK, busy)
    bench.run(60)
    return bench


@attack(LINE, "kernel_mmio_refused")
def writes_the_trusted_line(on: Conditions) -> bool:
    """Mapped by its own page table."""
    return _writes_the_line([(0, FORGED)], on).line.startswith("XX")


@attack(LINE, "kernel_mmio_refused")
def writes_the_banks_name_beside_the_true_phrase(on: Conditions) -> bool:
    """Which it need not know for that."""
    words = trusted_line(("2", _BANK, "", ()), b"", False)[: _NAMED // 2]
    bench = _writes_the_line([(4 * n, word) for n, word in enumerate(words)], on)
    return _who_looks_at_the_first_row(_picture(bench, on.seeded))


@attack(LINE, "line_columns")
def bears_a_name_that_shows_another_identity(on: Conditions) -> bool:
    """A name that goes on where the identity stands, with what the user wants to read there."""
    bench = Bench(on)
    bench.named(_BANK.ljust(COLUMN_WIDTHS[1]) + _SHOWN_IDENTITY, busy)
    bench.run(ARMED)
    assert bench.front == 1
    return _SHOWN_IDENTITY in bench.line


@attack(LINE, "line_columns")
def bears_a_name_that_hides_the_phrase(on: Conditions) -> bool:
    """So long that nothing of what follows is seen."""
    bench = Bench(on)
    bench.named("x" * 200, busy)
    bench.run(ARMED)
    return PHRASE.decode() not in bench.line
