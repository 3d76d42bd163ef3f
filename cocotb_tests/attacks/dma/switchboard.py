"""Seeded bugs, each behind a switch of its own: with the switch open the circuit is as it is, with it closed one protection is gone.

A bug is written as an assignment that is appended to a component's own statements (``cocotb_tests.opened``), as an honest mistake would
leave it. All are built into one machine, so that a run and its control run differ in one wire.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring

from cocotb_tests.opened import Opened

__all__ = ["BUGS", "Bug", "seeded", "wired"]


@dataclass(frozen=True, eq=False)
class Bug:
    """``put(component)`` appends the bug's statements to an opened component of a class in ``of``; they count while ``switch`` is 1."""

    name: str
    doc: str
    of: tuple[type[wiring.Component], ...]
    put: Callable[[Opened], None]
    switch: Signal


BUGS: dict[str, Bug] = {}


def seeded(*of: type[wiring.Component]) -> Callable[[Callable[[Opened], None]], Bug]:
    """Declares a bug in every component of the classes ``of``."""

    def declare(put: Callable[[Opened], None]) -> Bug:
        assert put.__doc__
        bug = Bug(put.__name__, put.__doc__, of, put, Signal(name=f"without_{put.__name__}"))
        assert bug.name not in BUGS
        BUGS[bug.name] = bug
        return bug

    return declare


@contextmanager
def wired() -> Iterator[None]:
    """Every machine that is elaborated inside has all bugs behind their switches."""
    with ExitStack() as stack:
        for kind in {kind for bug in BUGS.values() for kind in bug.of}:
            bugs = [bug for bug in BUGS.values() if kind in bug.of]
            stack.enter_context(patch.object(kind, "elaborate", _with(kind.elaborate, bugs)))
        yield


def _with(original: Callable[[Any, object], Module], bugs: list[Bug]) -> Callable[[Any, object], Module]:
    def elaborate(self: Any, _platform: object) -> Module:
        self.elaborate = partial(original, self)
        opened = Opened(self)
        for bug in bugs:
            with opened.module.If(bug.switch):
                bug.put(opened)
        return opened.module

    return elaborate
