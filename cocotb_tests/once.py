"""What is expensive and the same for many tests is made once in a run, whichever workers ask for it."""

import os
import pickle
from collections.abc import Callable
from typing import TypeVar

import pytest

from sim.model.build import file_lock

__all__ = ["once"]

_WORKER = "PYTEST_XDIST_WORKER"  # pytest-xdist's; a worker's temporary folder lies in the run's
T = TypeVar("T")


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[], T]) -> T:
    """``make()`` of the first who asks, for all who ask for that ``name`` in this run; the others wait for it. It must be picklable."""
    own = factory.getbasetemp()
    kept = (own.parent if _WORKER in os.environ else own) / "once" / f"{name}.pickle"
    with file_lock(kept.with_suffix(".lock")):
        if not kept.exists():
            made = pickle.dumps(make())
            kept.write_bytes(made)
        value: T = pickle.loads(kept.read_bytes())
        return value
