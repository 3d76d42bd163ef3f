"""One start and its branches: each has the state for itself, and whatever becomes of one, the others and the trunk go on; none is left."""

import os
import signal
import subprocess
import sys
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from sim.paths import ROOT
from sim.sanctuary.branches import Branches, Outcome
from sim.sanctuary.groups import Group, run_groups

__all__ = ["hold", "start", "witness", "work"]

BEGUN = b"."
NEVER = "never"
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


def witness(path: Path) -> FileIO:
    """A start: a pipe with a name, open as long as the trunk or a branch of it lives."""
    return FileIO(path, "w")


def hold(alive: FileIO, release: str) -> None:
    """A branch: say that it has begun, and go on until somebody writes to the pipe ``release``."""
    alive.write(BEGUN)
    if release == NEVER:
        signal.pause()
    Path(release).read_bytes()


def nothing() -> None:
    """The start for what needs none."""


def does(branches: Branches, order: object) -> Outcome:
    branches.order(order)
    return branches.outcome()


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def all_gone(alive: FileIO) -> bool:
    """Wait for the end of all that hold the other end; False if another branch has begun meanwhile."""
    return not alive.readall()


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
    path = pipe(tmp_path / "alive")
    with Branches(partial(witness, path), hold) as branches:
        branches.order(NEVER)
        alive = FileIO(path)
        assert alive.read(1) == BEGUN
    assert all_gone(alive)


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


def _holding(release: str, *paths: Path) -> "tuple[subprocess.Popen[bytes], list[FileIO]]":
    """A process of its own with a branch in the middle of its run for each pipe, and another waiting behind it."""
    groups = ", ".join(f"Group(partial(witness, Path({str(path)!r})), hold, ({release!r}, {release!r}))" for path in paths)
    text = f"""
import signal
from functools import partial
from pathlib import Path
from {_MODULE} import hold, witness
from sim.sanctuary.groups import Group, run_groups
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background job has not
    list(run_groups([{groups}], {len(paths)}))
"""
    process = subprocess.Popen([sys.executable, "-c", text], cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True)
    alive = [FileIO(path) for path in paths]
    assert [one.read(1) for one in alive] == [BEGUN] * len(paths)
    return process, alive


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    """As a terminal does it: to every process of the foreground group."""
    process, alive = _holding(NEVER, pipe(tmp_path / "one"), pipe(tmp_path / "two"))
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait() != 0
    assert all(map(all_gone, alive))


def test_a_trunk_that_nobody_listens_to_ends_when_its_branch_is_done(tmp_path: Path) -> None:
    release = pipe(tmp_path / "release")
    process, (alive,) = _holding(str(release), pipe(tmp_path / "alive"))
    process.kill()
    process.wait()
    release.write_bytes(b"go on")
    assert all_gone(alive), "the second order has not been begun"
