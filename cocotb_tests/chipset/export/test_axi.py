"""The exported AXI4 guard under cocotb, with cocotbext-axi's channels on every port."""

from functools import cache
from pathlib import Path

import pytest

from chipset.export.axi_top import AxiTop
from chipset.export.settings import GuardSettings, OnRefusal
from cocotb_tests.chipset.export.axi_stress_under_cocotb import STALL_LIMIT
from cocotb_tests.chipset.export.axi_under_cocotb import REQUESTERS
from cocotb_tests.chipset.export.bugs import seeded
from cocotb_tests.chipset.export.exported import exported
from contracts.policy_map import Format
from sim.cocotb_runner import Simulator, VerilogDesign, run_cocotb

__all__: list[str] = []

NAME = "ringfence_dma_guard_axi4"
HERE = "cocotb_tests.chipset.export"
BOTH_AT_LENGTH = ["verilator", pytest.param("icarus", marks=(pytest.mark.icarus, pytest.mark.regress))]
SETTINGS = GuardSettings(REQUESTERS, stall_limit=STALL_LIMIT)


@cache
def guard(settings: GuardSettings = SETTINGS) -> VerilogDesign:
    """The module without any bug, whose Verilog is made once a process."""
    return exported(AxiTop(settings), NAME)


@pytest.mark.parametrize("simulator", BOTH_AT_LENGTH)
def test_what_passes_and_what_does_not(simulator: Simulator, seed: int, tmp_path: Path) -> None:
    assert run_cocotb(guard(), f"{HERE}.axi_under_cocotb", simulator, seed=seed, folder=tmp_path) == 8


@pytest.mark.parametrize("simulator", BOTH_AT_LENGTH)
def test_between_masters_and_a_memory_of_others(simulator: Simulator, seed: int, tmp_path: Path) -> None:
    assert run_cocotb(guard(), f"{HERE}.axi_ram_under_cocotb", simulator, seed=seed, folder=tmp_path) == 1


@pytest.mark.parametrize("simulator", BOTH_AT_LENGTH)
def test_among_masters_that_stall_flood_and_race(simulator: Simulator, seed: int, tmp_path: Path) -> None:
    assert run_cocotb(guard(), f"{HERE}.axi_stress_under_cocotb", simulator, seed=seed, folder=tmp_path) == 13


@pytest.mark.parametrize("simulator", BOTH_AT_LENGTH)
def test_random_traffic_while_the_policy_changes(simulator: Simulator, seed: int, tmp_path: Path) -> None:
    assert run_cocotb(guard(), f"{HERE}.axi_random_under_cocotb", simulator, seed=seed, folder=tmp_path) == 2


@pytest.mark.regress
@pytest.mark.parametrize("part", range(4))
def test_long_random_traffic(part: int, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANDOM_CYCLES", "100000")
    assert run_cocotb(guard(), f"{HERE}.axi_random_under_cocotb", seed=seed, folder=tmp_path) == 2


@pytest.mark.icarus
@pytest.mark.parametrize("bug", ["deaf", "hasty"])
@pytest.mark.regress
def test_the_judge_of_random_traffic_has_teeth(bug: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with seeded(bug, monkeypatch):
        design = exported(AxiTop(SETTINGS), NAME)
    monkeypatch.setenv("RANDOM_CYCLES", "20000")
    with pytest.raises(AssertionError, match="1 of 1 failed"):
        run_cocotb(design, f"{HERE}.axi_random_under_cocotb", "icarus", seed=seed, folder=tmp_path, test_filter="every_verdict")
    log = (tmp_path / "run.log").read_text()
    assert "in judge" in log and "AssertionError" in log


@pytest.mark.icarus
def test_reads_of_the_map_that_pass_writes_are_found_out(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with seeded("careless", monkeypatch):
        design = exported(AxiTop(SETTINGS), NAME)
    with pytest.raises(AssertionError, match="1 of 1 failed"):
        run_cocotb(design, f"{HERE}.axi_random_under_cocotb", "icarus", seed=seed, folder=tmp_path, test_filter="an_edit_and_a_walk")
    assert "SimTimeoutError" not in (tmp_path / "run.log").read_text()


@pytest.mark.icarus
@pytest.mark.parametrize(
    ("bug", "test"), [("forgiving", "a_trusted_write_that_fails"), ("stubborn", "a_verdict_that_follows_a_failed_write")]
)
def test_a_failed_write_that_is_believed_is_found_out(
    bug: str, test: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with seeded(bug, monkeypatch):
        design = exported(AxiTop(SETTINGS), NAME)
    with pytest.raises(AssertionError, match="1 of 1 failed"):
        run_cocotb(design, f"{HERE}.axi_stress_under_cocotb", "icarus", seed=seed, folder=tmp_path, test_filter=test)
    assert "AssertionError" in (tmp_path / "run.log").read_text()


@pytest.mark.icarus
def test_without_a_stall_limit_one_master_stops_all(seed: int, tmp_path: Path) -> None:
    """The control run of what is cut."""
    design = guard(GuardSettings(REQUESTERS, stall_limit=0))
    with pytest.raises(AssertionError, match="2 of 2 failed"):
        run_cocotb(design, f"{HERE}.axi_stress_under_cocotb", "icarus", seed=seed, folder=tmp_path, test_filter="are_cut|are_dropped")
    assert (tmp_path / "run.log").read_text().count("SimTimeoutError") >= 2


@pytest.mark.icarus
def test_an_unfair_guard_lets_a_flood_of_refusals_slow_others(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control run of the flood: whoever floods comes first."""
    with seeded("unfair", monkeypatch):
        design = exported(AxiTop(SETTINGS), NAME)
    with pytest.raises(AssertionError, match="1 of 1 failed"):
        run_cocotb(design, f"{HERE}.axi_stress_under_cocotb", "icarus", seed=seed, folder=tmp_path, test_filter="a_flood_of_refusals")
    assert "assert times[hits] <" in (tmp_path / "run.log").read_text()


@pytest.mark.icarus
def test_closed_at_reset_and_ones(seed: int, tmp_path: Path) -> None:
    settings = GuardSettings(
        1, formats={Format.UNIFORM}, cached_words=1, closed_at_reset=True, on_refusal=OnRefusal.ONES, id_width=4, stall_limit=0
    )
    assert run_cocotb(exported(AxiTop(settings), NAME), f"{HERE}.axi_ones_under_cocotb", "icarus", seed=seed, folder=tmp_path) == 2
