"""Runs that begin alike, in processes: one process goes as far as they are alike, once, and is forked for each of them.

::

    Branches (here) ──orders──▶ the trunk: state = start() ──fork──▶ a branch: branch(state, order)
                    ◀─outcomes─                            ◀─────── its value, or what it broke down of

The trunk has no threads, and comes of a process that has none (multiprocessing's fork server). A branch that breaks down, or dies, is an
outcome of its own and leaves the trunk as it was. Trunk and branch are a process group, out of reach of the terminal's Ctrl-C, which
``close`` ends; should the process here die without it, a trunk ends by itself when its branch is done.
"""

import gc
import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from types import TracebackType
from typing import Any

__all__ = ["Branches", "Outcome", "preload"]

_END = None  # in place of an order


@dataclass(frozen=True)
class Outcome:
    """Of one branch: its value, or ``error`` in one line. ``seconds`` of the processor; the first branch's with those of the start."""

    value: Any = None
    error: str = ""
    seconds: float = 0.0


def _context() -> ForkServerContext:
    return multiprocessing.get_context("forkserver")


def preload(modules: Sequence[str]) -> None:
    """Have these modules imported once for all trunks, if none has been started yet."""
    _context().set_forkserver_preload(list(modules))


class Branches:
    """A trunk. One order at a time: ``order``, then ``outcome``. ``start`` and ``branch`` are functions that can be pickled."""

    def __init__(self, start: Callable[[], Any], branch: Callable[[Any, Any], Any]) -> None:
        self.connection, theirs = multiprocessing.Pipe()
        self._process = _context().Process(target=_trunk, args=(theirs, start, branch), daemon=True)
        self._process.start()
        theirs.close()

    def order(self, order: object) -> None:
        """Begin a branch."""
        with suppress(BrokenPipeError):  # the outcome will tell
            self.connection.send(order)

    def outcome(self) -> Outcome:
        """Wait for what became of it. ``connection`` can be waited for before."""
        try:
            outcome: Outcome = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            return Outcome(error=f"the process that was to be branched {_ended(self._process.exitcode or 0)}")
        return outcome

    def close(self) -> None:
        """End the trunk, and a branch in the middle of its run."""
        self.connection.close()
        pid = self._process.pid
        assert pid is not None
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:  # not a group yet, or gone
            self._process.kill()
        self._process.join()

    def __enter__(self) -> "Branches":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _ended(code: int) -> str:
    return f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"


# the trunk


def _trunk(connection: Connection, start: Callable[[], Any], branch: Callable[[Any, Any], Any]) -> None:
    os.setpgid(0, 0)
    error = ""
    try:
        state = start()
    except Exception as broken:
        error = _line(broken)
    seconds = time.process_time()
    gc.freeze()  # a collection in a branch would copy every page that is still shared
    with suppress(EOFError, BrokenPipeError):
        while (order := connection.recv()) is not _END:
            outcome = Outcome(error=error) if error else _branched(branch, state, order)
            connection.send(Outcome(outcome.value, outcome.error, outcome.seconds + seconds))
            seconds = 0.0


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _branched(branch: Callable[[Any, Any], Any], state: Any, order: Any) -> Outcome:
    """Fork for one order, and wait for the end of it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run(branch, state, order, writing)
    os.close(writing)
    with open(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        return Outcome(error=f"the run's process {_ended(os.waitstatus_to_exitcode(status))}")
    outcome: Outcome = pickle.loads(told)
    return outcome


def _run(branch: Callable[[Any, Any], Any], state: Any, order: Any, writing: int) -> None:
    """The branch's whole life: it must not go on with what the trunk was doing."""
    try:
        begun = time.process_time()
        try:
            outcome = Outcome(branch(state, order))
        except Exception as broken:
            outcome = Outcome(error=_line(broken))
        with open(writing, "wb") as pipe:
            pipe.write(pickle.dumps(Outcome(outcome.value, outcome.error, time.process_time() - begun)))
    except BaseException:
        os._exit(1)
    os._exit(0)
