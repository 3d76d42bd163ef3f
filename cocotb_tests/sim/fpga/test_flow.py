"""What the flow makes of the tools' reports, and how it runs them."""

import sys
from pathlib import Path

import pytest

from sim.fpga import tools
from sim.fpga.board import find_board
from sim.fpga.summary import summarize
from sim.fpga.toolchain import ECP5, ICE40, Area

__all__: list[str] = []

ECP5_CELLS = {"LUT4": 1000, "CCU2C": 50, "TRELLIS_DPR16X4": 10, "TRELLIS_FF": 700, "DP16KD": 96, "PFUMX": 9}
ICE40_CELLS = {
    "SB_LUT4": 2000, "SB_CARRY": 300, "SB_DFF": 10, "SB_DFFESR": 500, "SB_RAM40_4K": 4, "SB_RAM40_4KNW": 1, "SB_SPRAM256KA": 2, "SB_IO": 3,
}  # fmt: skip


def statistics(cells: dict[str, int]) -> dict[str, dict[str, dict[str, dict[str, int]]]]:
    return {"modules": {"\\top": {"num_cells_by_type": cells}, "\\other": {"num_cells_by_type": {"LUT4": 5, "SB_LUT4": 5}}}}


def test_area_counts_tables_wherever_they_are_used() -> None:
    assert ECP5.area(statistics(ECP5_CELLS)) == Area(luts=1000 + 2 * 50 + 6 * 10, flip_flops=700, block_rams=96, multipliers=0)
    assert ICE40.area(statistics(ICE40_CELLS)) == Area(luts=2000, flip_flops=510, block_rams=5, multipliers=0, large_rams=2)


def test_share_is_the_difference() -> None:
    areas = {
        "whole": Area(40_000, 9_000, 100, 4), "without_ring_minus_1": Area(36_000, 8_000, 98, 4),
        "without_dma_guard": Area(39_000, 8_900, 100, 4),
    }  # fmt: skip
    summary, text = summarize(find_board("ulx3s_85f"), areas)
    assert summary["ring_minus_1"] == {"luts": 4_000, "share_of_luts": 0.1, "flip_flops": 1_000, "block_rams": 2}
    assert summary["dma_guard"] == {"luts": 1_000, "share_of_luts": 0.025, "flip_flops": 100, "block_rams": 0}
    assert text.splitlines()[0] == (
        "ulx3s_85f: 40000 LUT4 (47.8 %), 9000 flip-flops (10.8 %), 100 block RAMs (48.1 %), 4 multipliers (2.6 %) of the chip"
    )
    assert "large_rams" not in summary["whole"]
    assert "ring -1 extension: 4000 LUT4 (10.0 % of the machine)" in text


def test_a_chip_with_larger_rams_tells_them() -> None:
    areas = {"whole": Area(2_000, 1_000, 5, 0, 4), "without_dma_guard": Area(1_500, 800, 5, 0, 4)}
    summary, text = summarize(find_board("icebreaker"), areas)
    assert "4 single-port RAMs (100.0 %)" in text and "DMA guard: 500 LUT4 (25.0 % of the demonstration)" in text
    assert "ring_minus_1" not in summary


def test_progress_and_log_of_a_tool(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_QUIET_INTERVAL", 0.0)
    script = "print('2.1. Executing PROC pass (convert processes).'); print('noise')"
    tools.run("synthesis", [sys.executable, "-c", script], tmp_path, tmp_path / "log")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "synthesis …"
    assert lines[1].endswith("s, PROC")
    assert lines[2].startswith("synthesis: done after")
    assert "noise" in (tmp_path / "log").read_text()


def test_a_tool_that_fails_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(tools.ToolFailed, match=r"synthesis failed \(exit status 3\); see .*log"):
        tools.run("synthesis", [sys.executable, "-c", "raise SystemExit(3)"], tmp_path, tmp_path / "log")


def test_a_missing_tool_is_the_users_to_install(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        tools.require("yowasp-never-heard-of")
    assert stop.value.code == 2
    assert capsys.readouterr().err == "ringfence: yowasp-never-heard-of not found: `make setup` installs it (see pyproject.toml)\n"
