"""What QEMU says of each program is asked once for all tests that want to know."""

from collections.abc import Callable
from functools import partial

import pytest

from cocotb_tests.once import once
from sim.oracles import qemu
from sim.oracles.qemu import QemuResult
from sim.programs.system import build_program

__all__ = ["judged"]


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], QemuResult]:
    """QEMU's run of a program, by room and name."""
    return lambda room, name: once(tmp_path_factory, f"qemu-{room}-{name}", partial(qemu.run, build_program(room, name).path))
