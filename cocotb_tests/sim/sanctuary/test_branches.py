"""One start and its branches: each has the state for itself, and whatever becomes of one, the others and the trunk go on; none is left."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sim.paths import ROOT
from sim.sanctuary.branches import Branches, Outcome
from sim.sanctuary.groups import Group, run_groups

__all__ = ["hold", "start", "work"]

_LONG = 600  # seconds: longer than any test may take
_SOON = 20
_MODULE = "cocotb_tests.sim.sanctuary.test_branches"


def start(folder: Path) -> list[str]:
    with (folder / "starts").open("a") as file:
        file.write("started\n")
    return ["start"]


def work(state: list[str], order: str) -> Any:
    """What a branch does: it changes its state, and may break down in several ways."""
    state.append(order)
    if order == "raise":
        raise ValueError("as it was told")
    if order == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if order == "fell":
        os.kill(os.getppid(), signal.SIGKILL)
    if order == "what cannot be sent":
        return lambda: None
    return state


def refuse() -> None:
    raise OSError("no start today")


def hold(path: Path, shared: None, seconds: float) -> None:
    """Hold a lock as long as this process lives. The lock is of this process alone, unless it forks."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        path.with_suffix(".held").touch()
        time.sleep(seconds)


def nothing() -> None:
    """The start for ``hold``."""


def does(branches: Branches, order: object) -> Outcome:
    branches.order(order)
    return branches.outcome()


def until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + _SOON
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def is_free(path: Path) -> bool:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_starts_once_and_each_branch_has_the_state_for_itself(tmp_path: Path) -> None:
    with Branches(partial(start, tmp_path), work) as branches:
        assert [does(branches, order).value for order in ("a", "b")] == [["start", "a"], ["start", "b"]]
    assert (tmp_path / "starts").read_text() == "started\n"


@pytest.mark.parametrize(
    "order, error",
    [
        ("raise", "ValueError: as it was told"),
        ("die", "the run's process died of SIGSEGV"),
        ("what cannot be sent", "the run's process ended with 1"),
    ],
)
def test_one_that_breaks_down_takes_no_other_down(tmp_path: Path, order: str, error: str) -> None:
    with Branches(partial(start, tmp_path), work) as branches:
        assert does(branches, order).error == error
        assert does(branches, "b").value == ["start", "b"]


def test_a_start_that_fails_is_the_outcome_of_every_branch() -> None:
    with Branches(refuse, work) as branches:
        assert [does(branches, order).error for order in "ab"] == ["OSError: no start today"] * 2


def test_a_trunk_that_dies_is_told_of(tmp_path: Path) -> None:
    with Branches(partial(start, tmp_path), work) as branches:
        for order in ("fell", "b"):
            assert does(branches, order).error == "the process that was to be branched died of SIGKILL"


def test_closing_ends_a_branch_in_the_middle(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with Branches(nothing, partial(hold, lock)) as branches:
        branches.order(_LONG)
        assert until(lock.with_suffix(".held").exists)
        assert not is_free(lock)
    assert until(partial(is_free, lock))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_all_groups_are_run_even_beside_one_that_dies(tmp_path: Path, workers: int) -> None:
    good = Group(partial(start, tmp_path), work, ("a", "b", "c"))
    bad = Group(partial(start, tmp_path), work, ("fell", "d"))
    outcomes = [(order, outcome.error) for _, order, outcome in run_groups([bad, *good.split(2)], workers)]
    died = "the process that was to be branched died of SIGKILL"
    assert sorted(outcomes) == [("a", ""), ("b", ""), ("c", ""), ("d", died), ("fell", died)]
    assert (tmp_path / "starts").read_text().count("started") == 3


def test_parts_of_a_group_are_of_nearly_one_length() -> None:
    group = Group(nothing, work, tuple(range(10)))
    assert [len(part.orders) for part in group.split(4)] == [4, 3, 3]
    assert sorted(order for part in group.split(4) for order in part.orders) == list(range(10))


def _holding(seconds: float, *locks: Path) -> "subprocess.Popen[bytes]":
    """A process of its own in which each lock is held by a branch."""
    groups = ", ".join(f"Group(nothing, partial(hold, Path({str(lock)!r})), ({seconds}, {seconds}))" for lock in locks)
    text = f"""
import signal
from functools import partial
from pathlib import Path
from {_MODULE} import hold, nothing
from sim.sanctuary.groups import Group, run_groups
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background job has not
    list(run_groups([{groups}], {len(locks)}))
"""
    process = subprocess.Popen([sys.executable, "-c", text], cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True)
    assert until(lambda: all(lock.with_suffix(".held").exists() for lock in locks))
    return process


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    """As a terminal does it: to every process of the foreground group."""
    locks = [tmp_path / "one", tmp_path / "two"]
    process = _holding(_LONG, *locks)
    assert not any(map(is_free, locks))
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(_SOON) != 0
    assert until(lambda: all(map(is_free, locks)))


def test_a_trunk_that_nobody_listens_to_ends_when_its_branch_is_done(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    process = _holding(1.5, lock)
    process.kill()
    process.wait()
    assert until(partial(is_free, lock))
    lock.with_suffix(".held").unlink()
    time.sleep(0.5)
    assert not lock.with_suffix(".held").exists(), "the second order has not been begun"
