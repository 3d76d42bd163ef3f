"""What every test gets: a random seed that is printed, so that a failure can be run again.

``make test`` starts at a fixed seed, so that what it says of a change is due to the change; ``make regress`` and
``RINGFENCE_SEED=random make test`` draw a new one, ``RINGFENCE_SEED=12345 make test`` repeats a run. The seed of one test is made of the
run's seed and the test's name, so that it does not depend on which worker runs the test or on which tests run beside it.
"""

import os
import random
import zlib
from typing import Any

import pytest

from cocotb_tests import prover
from sim.paths import BUILD
from sim.sanctuary.branches import preload

__all__ = [
    "pytest_configure", "pytest_report_header", "pytest_sessionfinish", "pytest_terminal_summary", "pytest_testnodedown", "rng", "seed",
]  # fmt: skip

_VARIABLE = "RINGFENCE_SEED"
_FIXED = "1"
_RANDOM = "random"
_PROOFS = "proofs"  # the name under which a worker hands them over
_PRELOADED = ("pytest", "sim.sanctuary.runs")  # once for all processes that tests branch, which would take a second each


def pytest_configure(config: pytest.Config) -> None:
    """Choose the run's seed once; workers inherit it by the environment."""
    preload(_PRELOADED)
    if os.environ.setdefault(_VARIABLE, _FIXED) == _RANDOM:
        os.environ[_VARIABLE] = str(random.SystemRandom().randrange(1 << 32))
    try:
        int(os.environ[_VARIABLE], 0)
    except ValueError:
        raise pytest.UsageError(f"{_VARIABLE}={os.environ[_VARIABLE]!r} is neither a number nor {_RANDOM!r}") from None


def pytest_report_header(config: pytest.Config) -> str:
    """The seed, at the head of the report."""
    return f"seed: {_VARIABLE}={os.environ[_VARIABLE]}"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands the proofs that it has run to the process that prints the table."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_PROOFS] = prover.handed_over()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker has ended: its proofs join the table. One that crashed hands over none; pytest tells of it."""
    prover.take_over(getattr(node, "workeroutput", {}).get(_PROOFS, []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The proofs that were run, also into ``build/formal.txt``."""
    lines = prover.table()
    if lines:
        terminalreporter.section("proofs")
        for line in lines:
            terminalreporter.write_line(line)
        BUILD.mkdir(parents=True, exist_ok=True)
        (BUILD / "formal.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """This test's seed (32 bits). Shown with the test's output when it fails."""
    run = int(os.environ[_VARIABLE], 0)
    value = zlib.crc32(f"{run}:{request.node.nodeid}".encode())
    print(f"{_VARIABLE}={run} (this test: {value:#010x})")
    return value


@pytest.fixture
def rng(seed: int) -> random.Random:
    """A random generator that starts at this test's seed."""
    return random.Random(seed)
