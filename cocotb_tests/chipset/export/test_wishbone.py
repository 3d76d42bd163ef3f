"""The exported Wishbone guard under cocotb, with cocotbext-wishbone's masters and slave on its ports."""

from pathlib import Path

import pytest

from chipset.export.settings import GuardSettings
from chipset.export.wishbone_top import WishboneTop
from cocotb_tests.chipset.export.bugs import seeded
from cocotb_tests.chipset.export.exported import exported
from cocotb_tests.chipset.export.wishbone_under_cocotb import REQUESTERS
from sim.cocotb_runner import Simulator, run_cocotb

__all__: list[str] = []

NAME = "ringfence_dma_guard_wishbone"
MODULE = "cocotb_tests.chipset.export.wishbone_under_cocotb"
BOTH = ["verilator", pytest.param("icarus", marks=pytest.mark.icarus)]
SETTINGS = GuardSettings(REQUESTERS)


@pytest.mark.parametrize("simulator", BOTH)
def test_what_passes_and_what_does_not(simulator: Simulator, seed: int, tmp_path: Path) -> None:
    assert run_cocotb(exported(WishboneTop(SETTINGS), NAME), MODULE, simulator, seed=seed, folder=tmp_path) == 11


@pytest.mark.icarus
@pytest.mark.regress
def test_the_judge_of_random_traffic_has_teeth(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with seeded("deaf", monkeypatch):
        design = exported(WishboneTop(SETTINGS), NAME)
    monkeypatch.setenv("RANDOM_EDITS", "1500")
    with pytest.raises(AssertionError, match="1 of 1 failed"):
        run_cocotb(design, MODULE, "icarus", seed=seed, folder=tmp_path, test_filter="random_traffic")
    assert "assert good in history.verdicts" in (tmp_path / "run.log").read_text()


@pytest.mark.icarus
def test_a_guard_that_blocks_lets_a_flood_of_refusals_slow_others(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control run of the flood: others wait whenever one misses."""
    with seeded("blocking", monkeypatch):
        design = exported(WishboneTop(SETTINGS), NAME)
    with pytest.raises(AssertionError, match="1 of 1 failed"):
        run_cocotb(design, MODULE, "icarus", seed=seed, folder=tmp_path, test_filter="a_flood_of_refusals")
    assert "assert times[misses] <=" in (tmp_path / "run.log").read_text()
