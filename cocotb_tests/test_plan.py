"""PLAN.md maps each promise to the tests that hold it: every test that it names must exist."""

import ast
import re
from functools import cache
from pathlib import Path

__all__: list[str] = []

HERE = Path(__file__).resolve().parent
PLAN = HERE / "PLAN.md"
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
ROW = re.compile(r"^\| (?!promise|---)(.+?) \| (.+?) \|$", re.MULTILINE)
UNHELD = "## Not held by a test"


@cache
def named_in(path: Path) -> frozenset[str]:
    """The names of the tests in a file."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return frozenset(n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.name.startswith("test_"))


def missing(text: str) -> list[str]:
    """Tests that ``text`` names and that are not there."""
    return [f"{p}::{n}" for p, n in NAMED.findall(text) if not (HERE / p).is_file() or n not in named_in(HERE / p)]


def test_every_named_test_exists() -> None:
    text = PLAN.read_text()
    assert len(NAMED.findall(text)) > 50
    assert not missing(text)


def test_every_promise_names_a_test() -> None:
    held = PLAN.read_text().split(UNHELD)[0]
    rows = ROW.findall(held)
    assert len(rows) > 40
    assert not [promise for promise, tests in rows if not NAMED.search(tests)]


def test_a_missing_test_is_found() -> None:
    assert missing("`test_plan.py::test_no_such` and `nowhere/test_x.py::test_y`") == [
        "test_plan.py::test_no_such",
        "nowhere/test_x.py::test_y",
    ]
    assert not missing("`test_plan.py::test_a_missing_test_is_found`")
