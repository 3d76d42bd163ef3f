"""A launched machine with an empty store."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from cocotb_tests.isolation_kernel.sealed.stage import Stage

__all__ = ["stage"]


@pytest.fixture
def stage(tmp_path: Path, rng: Random) -> Iterator[Stage]:
    """``stage.kernel`` has just made its store."""
    with Stage(tmp_path, rng) as made:
        made.kernel.create()
        yield made
