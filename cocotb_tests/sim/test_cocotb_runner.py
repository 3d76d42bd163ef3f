"""The cocotb runner, on both simulators."""

from pathlib import Path

import pytest

from sim.cocotb_runner import CocotbDesign, Simulator, run_cocotb
from sim.ram import SIM_RAM

__all__: list[str] = []

DESIGN = CocotbDesign("cocotb_tests.sim.model.sample:Sample", verilog=(SIM_RAM,))
MODULE = "cocotb_tests.sim.sample_under_cocotb"
BOTH = ["verilator", pytest.param("icarus", marks=pytest.mark.icarus)]


@pytest.mark.parametrize("simulator", BOTH)
def test_sample(simulator: Simulator, seed: int, tmp_path: Path) -> None:
    assert run_cocotb(DESIGN, MODULE, simulator, seed=seed, folder=tmp_path) == 5


@pytest.mark.parametrize("simulator", BOTH)
def test_a_failure_is_seen(simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FAIL_ON_PURPOSE", "1")
    with pytest.raises(AssertionError, match="1 of 5 failed"):
        run_cocotb(DESIGN, MODULE, simulator, folder=tmp_path)


def test_an_unknown_port_is_named() -> None:
    with pytest.raises(ValueError, match="no port nothing"):
        run_cocotb(CocotbDesign(DESIGN.top, visible=("nothing",)), MODULE)
