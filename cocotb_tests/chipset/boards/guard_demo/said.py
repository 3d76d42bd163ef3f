"""The demonstration's reports as a reader at the other end of the line has them, and what they should say."""

import re
from dataclasses import dataclass

from chipset.boards.guard_demo.layout import ATTACKS, OPEN_PAGES, PLANS
from chipset.traffic.generator import ACCESS_BYTES
from cocotb_tests.chipset.traffic.plan_model import LINE_BYTES, Line, PlanModel
from cocotb_tests.serial_line import SerialLine
from contracts.bus import BURST_WORDS
from contracts.memory_map import PAGE_SIZE

__all__ = ["Expected", "Said", "assert_guarded", "expected", "listen"]

_RANDOM_WIDTH = 16
_LIMIT = 100_000  # cycles to a character: far more than set-up and a round of a test take


@dataclass(frozen=True)
class Said:
    """A report: its numbers by the row's name, guarded and beside."""

    number: int
    attackers: int
    rows: dict[str, tuple[int, int]]
    ratio: float
    passed: bool


@dataclass(frozen=True)
class Expected:
    """What a round asks for: lines, those of them that are closed, and words read of open and closed pages. None of it depends on the order
    in which memory serves the requesters."""

    lines: int
    closed: int
    open_words: int
    closed_words: int


def listen(serial: SerialLine) -> Said:
    """The next report."""
    text = serial.receive(_LIMIT)
    while not re.search(r"^(PASS|FAIL)\r\n", text, re.MULTILINE):
        text += serial.receive(_LIMIT)
    assert text.isascii() and text.replace("\r\n", "").isprintable()
    first = re.search(r"round +(\d+), 4 requesters, attackers: +(\d+)\r\n", text)
    ratio = re.search(r"guarded over beside +(\d\.\d{4})\r\n", text)
    assert first and ratio, text
    rows = {name: (int(one), int(other)) for name, one, other in re.findall(r"^([a-z ]+?) +(\d+) +(\d+)\r$", text, re.MULTILINE)}
    return Said(int(first[1]), int(first[2]), rows, float(ratio[1]), "PASS" in text)


def _is_closed(line: Line) -> bool:
    return line.address // PAGE_SIZE not in OPEN_PAGES


def expected(rounds: int, accesses: int) -> list[Expected]:
    """For each round, of ``accesses`` of each requester."""
    generators = [PlanModel(n, _RANDOM_WIDTH) for n in range(len(PLANS))]
    found = []
    for number in range(1, rounds + 1):
        changes = {} if number % 2 else ATTACKS
        plans = [{**plan, **changes.get(n, {})} for n, plan in enumerate(PLANS)]
        lines = [line for generator, plan in zip(generators, plans, strict=True) for line in generator.lines(plan, accesses)]
        reads = [line for line in lines if not line.write]
        closed_reads = sum(map(_is_closed, reads))
        assert len(lines) == len(PLANS) * accesses * ACCESS_BYTES // LINE_BYTES
        found.append(Expected(
            len(lines), sum(map(_is_closed, lines)), BURST_WORDS * (len(reads) - closed_reads), BURST_WORDS * closed_reads,
        ))  # fmt: skip
    return found


def assert_guarded(said: Said, number: int, wanted: Expected) -> None:
    """The report of round ``number`` is right: in an attack the guard refuses what is closed, line for line, and nothing of it is reached
    or read; beside it all is."""
    assert (said.number, said.attackers, said.passed) == (number, 0 if number % 2 else len(ATTACKS), True)
    rows = dict(said.rows)
    guarded, beside = rows.pop("cycles of the others")
    assert rows == {
        "lines answered": (wanted.lines, wanted.lines), "lines refused": (wanted.closed, 0), "closed lines reached": (0, wanted.closed),
        "open words read": (wanted.open_words, wanted.open_words), "closed words read": (0, wanted.closed_words),
    }  # fmt: skip
    assert bool(wanted.closed) == bool(wanted.closed_words) == bool(said.attackers)
    assert 0.9 < beside / guarded < 1.2 and said.ratio == 10_000 * beside // guarded / 10_000
