"""Power is lost at every step of what the store does, and processes are killed at random: nothing that was acknowledged is lost."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from cocotb_tests.isolation_kernel.sealed.machine import PowerCut
from cocotb_tests.isolation_kernel.sealed.stage import MAIL, VAULT, Stage
from contracts.sealed_storage import MAX_DATA, SLOTS, StorageError
from isolation_kernel.storage import SealedStorage
from isolation_kernel.tpm import TpmError
from sim.paths import ROOT

__all__: list[str] = []

KILLS = 6
MOST_CHANGES = 10  # that are waited for before a process is killed
MOST_SECONDS = 0.1
Change = Callable[[SealedStorage], None]


def value(kernel: SealedStorage, slot: int = 0) -> bytes | None:
    try:
        return kernel.unseal(VAULT, VAULT, slot)
    except StorageError as error:
        assert "there is nothing there" in str(error)
        return None


def cut_everywhere(stage: Stage, prepare: Change, change: Change, check: Change) -> int:
    """Prepare, then change with a loss of power before each step in turn, and check what is there afterwards. How many steps there were."""
    power = stage.machine.power
    for step in range(1000):
        prepare(stage.kernel)
        power.steps, power.fails_at = 0, step
        with suppress(PowerCut):
            change(stage.kernel)
        cut = power.steps > step
        check(stage.again())
        check(stage.again())
        if not cut:
            return step
    raise AssertionError("it never ends")


@pytest.mark.regress
def test_a_first_value_is_there_or_not(stage: Stage) -> None:
    stage.kernel.seal(MAIL, 0, b"mail's", (MAIL,))
    seen = set()

    def check(kernel: SealedStorage) -> None:
        assert kernel.unseal(MAIL, MAIL, 0) == b"mail's"
        seen.add(value(kernel))

    steps = cut_everywhere(stage, lambda kernel: kernel.erase(VAULT, 0), lambda kernel: kernel.seal(VAULT, 0, b"new", (VAULT,)), check)
    assert seen == {None, b"new"} and steps > 20


def test_a_new_value_is_there_or_the_old_one(stage: Stage) -> None:
    seen: list[bytes | None] = []

    def check(kernel: SealedStorage) -> None:
        seen.append(value(kernel))

    def prepare(kernel: SealedStorage) -> None:
        assert len(set(seen[-2:])) <= 1, "it has changed afterwards"
        kernel.seal(VAULT, 0, b"old", (VAULT,))

    cut_everywhere(stage, prepare, lambda kernel: kernel.seal(VAULT, 0, b"new", (VAULT,)), check)
    assert seen[0] == b"old" and seen[-1] == b"new" and set(seen) == {b"old", b"new"}
    assert seen == sorted(seen, key=lambda data: data == b"new"), "there is one step, the TPM's counter, at which it changes"


@pytest.mark.regress
def test_an_opening_loses_nothing(stage: Stage, rng: Random) -> None:
    data = rng.randbytes(MAX_DATA)
    stage.kernel.seal(VAULT, 0, data, (VAULT,))

    def check(kernel: SealedStorage) -> None:
        assert kernel.unseal(VAULT, VAULT, 0) == data

    def reopen(kernel: SealedStorage) -> None:
        kernel.open()

    assert cut_everywhere(stage, check, reopen, check) > 40


@pytest.mark.regress
def test_a_creation_that_was_cut_is_repeated(stage: Stage, rng: Random) -> None:
    power = stage.machine.power
    stage.kernel.create()
    power.steps = 0
    stage.kernel.create()
    for step in sorted(rng.sample(range(power.steps), 12)):
        power.steps, power.fails_at = 0, step
        with suppress(PowerCut):
            stage.kernel.create()
        kernel = stage.again()
        with suppress(StorageError, TpmError):  # there is none
            kernel.open()
        kernel.create()
        kernel.seal(VAULT, 0, b"new", (VAULT,))
        assert value(stage.again()) == b"new"


@pytest.fixture
def sockets() -> Iterator[str]:
    """Where the killed ones leave their sockets, whose names must be short."""
    with tempfile.TemporaryDirectory(prefix="killed-") as folder:
        yield folder


def test_processes_killed_at_random(tmp_path: Path, sockets: str, rng: Random) -> None:
    """Kernel and TPM are killed together, at any moment, again and again over the same disk and the same TPM's memory. Each round reads
    what is there and then writes growing numbers into slots in turn; what it was told is stored must be there in the next one."""
    stored = [0] * SLOTS
    for _ in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-m", "cocotb_tests.isolation_kernel.sealed.child", str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": sockets}, start_new_session=True,
        )  # fmt: skip
        assert child.stdout is not None
        try:
            found = child.stdout.readline().split()
            assert found[:1] == [b"found"], "it has not come up"
            numbers = [int(number) for number in found[1:]]
            assert all(then <= now <= then + SLOTS for then, now in zip(stored, numbers, strict=True)), (stored, numbers)
            assert sum(now != then for then, now in zip(stored, numbers, strict=True)) <= 1, "more than the one that was not acknowledged"
            told = [child.stdout.readline() for _ in range(rng.randint(1, MOST_CHANGES))]
            time.sleep(rng.uniform(0, MOST_SECONDS))  # so that it is anywhere in the next one, or beyond
        finally:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        stored = numbers
        for line in told + child.stdout.readlines():
            if line.endswith(b"\n"):
                slot, number = map(int, line.split())
                stored[slot] = number
        child.stdout.close()
    assert max(stored) >= KILLS
