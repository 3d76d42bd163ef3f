"""The guard under cocotb, on both simulators; on Icarus as part of its named subset."""

from pathlib import Path

import pytest

from sim.cocotb_runner import CocotbDesign, Simulator, run_cocotb

__all__: list[str] = []

DESIGN = CocotbDesign("cocotb_tests.chipset.dma_policy.guard_top:GuardTop")
MODULE = "cocotb_tests.chipset.dma_policy.guard_under_cocotb"


@pytest.mark.parametrize("simulator", ["verilator", pytest.param("icarus", marks=pytest.mark.icarus)])
def test_guard(simulator: Simulator, seed: int, tmp_path: Path) -> None:
    assert run_cocotb(DESIGN, MODULE, simulator, seed=seed, folder=tmp_path) == 4
