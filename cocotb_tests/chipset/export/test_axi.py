"""The exported AXI4 guard under cocotb, with cocotbext-axi's channels on every port."""

from pathlib import Path

import pytest

from chipset.export.axi_top import AxiTop
from chipset.export.settings import GuardSettings
from cocotb_tests.chipset.export.exported import exported
from sim.cocotb_runner import Simulator, run_cocotb

__all__: list[str] = []

NAME = "ringfence_dma_guard_axi4"
HERE = "cocotb_tests.chipset.export"
BOTH = ["verilator", pytest.param("icarus", marks=pytest.mark.icarus)]


@pytest.mark.parametrize("simulator", BOTH)
def test_what_passes_and_what_does_not(simulator: Simulator, seed: int, tmp_path: Path) -> None:
    design = exported(AxiTop(GuardSettings(3)), NAME)
    assert run_cocotb(design, f"{HERE}.axi_under_cocotb", simulator, seed=seed, folder=tmp_path) == 8
