"""``report.html`` tells what ``report.json`` tells, and needs nothing else."""

import re
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest
from jinja2 import UndefinedError

from firmware.guests.attacks import BY_NAME
from sim.kernel_time import KernelTime
from sim.sanctuary.evidence import Evidence
from sim.sanctuary.html import html, marks_of, picture_of_results, write_html
from sim.sanctuary.judge import Verdict
from sim.sanctuary.picture import MemoryPicture, Run
from sim.sanctuary.runs import AttackPair, Results

__all__: list[str] = []

_PICTURE = MemoryPicture(2, (Run(0, 1, "guest 1"), Run(1, 1, "free")))


def content(**changes: Any) -> dict[str, Any]:
    """The least that a report has."""
    return {
        "passed": True,
        "guests": [{"name": "guest 1", "images": ["attacker"], "memory": "one to one"}],
        "attacks": [
            {"name": "first", "blocked": True, "control_succeeded": True, "evidence": "EIP 0x10: <b>&</b>", "guest_1_life": "7 ticks"},
            {"name": "second", "blocked": False, "control_succeeded": True, "evidence": "nothing"},
        ],
        "cycles": 1_234_567,
        "cycles_per_second": 250_000,
        "kernel_time": {"of": "the attacks' runs", **KernelTime(900_001, 70_000, 8_001).report()},
        "exits": {"CPUID": 12, "HLT": 3},
        "waves": "build/sanctuary/waves",
        **changes,
    }


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(text: str) -> _Text:
    parser = _Text()
    parser.feed(text)
    return parser


def test_everything_of_the_report_is_there() -> None:
    page = parsed(html(content()))
    text = re.sub(r"\s+", " ", page.text)
    for wanted in (
        "sanctuary: passed",
        "1 of 2 attacks",
        "1,234,567",
        "250,000",
        "first",
        "second",
        "EIP 0x10: <b>&</b>",
        "7 ticks",
        "CPUID",
        "12",
    ):
        assert wanted in text
    for wanted in ("1000 cycles are declared for each command", "900,001", "1,000 a command", "70,000", "8,001"):
        assert wanted in text
    assert [a["class"] for tag, a in page.tags if tag == "td" and a.get("class") in ("yes", "no")] == ["yes", "yes", "no", "yes"]


def test_failure_is_told() -> None:
    page = parsed(html(content(passed=False, failures=["first: TimeoutError: <late>"])))
    assert "FAILED" in page.text and "TimeoutError: <late>" in page.text and "passed" not in page.text


def test_nothing_is_fetched_from_elsewhere() -> None:
    page = parsed(html(content(), '<svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>', "first"))
    assert any(tag == "rect" for tag, _ in page.tags)  # the picture is part of the page
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert not [a for _, attributes in page.tags for a in attributes if a in ("src", "href")]


def test_a_report_that_lacks_something_is_refused() -> None:
    with pytest.raises((UndefinedError, TypeError)):
        html({k: v for k, v in content().items() if k != "cycles"})


def pair(name: str, blocked: bool = True, **evidence: Any) -> AttackPair:
    """An attack's two runs, made up."""
    protected = Verdict(True, not blocked, True, True, True, True, "seen", "found")
    control = Verdict(True, True, True, True, True, True, "seen", "found")
    taken = Evidence(name, 0x1000, range(0x1000), picture=_PICTURE, **evidence)
    return AttackPair(BY_NAME[name], protected, control, taken, Evidence(name, 0x1000, range(0x1000)))


def test_marks_are_the_logged_refusals_or_else_what_was_aimed_at() -> None:
    seen = marks_of(pair("dma_read_guest2", refusals=((0x5000, False, 2), (0x5010, False, 2), (0x6000, True, 2))))
    assert [(m.address, m.by, m.write) for m in seen] == [(0x5000, "guard", False), (0x6000, "guard", True)]
    assert [(m.address, m.by) for m in marks_of(pair("map_read_guest2"))] == [(0x1000, "kernel")]
    assert marks_of(pair("map_read_guest2", blocked=False)) == []
    assert marks_of(pair("reset_cf9")) == []  # aims at no page


def test_picture_has_the_marks_of_all_attacks(tmp_path: Any) -> None:
    results = Results(pairs=[pair("map_read_guest2"), pair("dma_read_guest2", refusals=((0x1004, False, 2),))])
    taken = picture_of_results(results)
    assert taken is not None
    assert (taken[0], len(taken[1].marks)) == ("dma_read_guest2", 2)
    path = write_html(tmp_path, content(), results)
    assert "refused by the guard: 1" in path.read_text()
    assert (tmp_path / "memory.svg").read_text() in path.read_text()
    assert picture_of_results(SimpleNamespace(pairs=[])) is None  # type: ignore[arg-type]
