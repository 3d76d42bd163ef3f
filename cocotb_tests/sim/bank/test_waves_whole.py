"""``WAVES=full`` with the scenario ``bank``: a first start as a whole, drawn from power-on to its end."""

from pathlib import Path

import pytest

from cocotb_tests.sim.fst import Fst
from cocotb_tests.sim.test_run_waves import RESET, signal
from sim.bank.waves_whole import write_whole

__all__: list[str] = []


@pytest.mark.regress  # the model that draws takes minutes to build, and draws some million cycles
def test_the_first_start_is_drawn(tmp_path: Path) -> None:
    save = write_whole(tmp_path, full=True)
    waves = tmp_path / "first_start.fst"
    assert save.exists() and str(waves) in (tmp_path / "whole.gtkw").read_text()
    drawn = Fst(waves)
    assert {value for _, value in drawn.changes(signal("core.context.guest", 1))} == {0, 1}
    assert {value for _, value in drawn.changes(signal("core.context.gif", 1))} == {0, 1}, "SKINIT and STGI"
    assert RESET in {value for _, value in drawn.changes(signal("core.eip", 32))[:200]}
