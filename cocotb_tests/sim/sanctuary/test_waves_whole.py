"""``WAVES=full``: one run of the demonstration as a whole, drawn from power-on to its end."""

from pathlib import Path

import pytest

from cocotb_tests.sim.fst import Fst
from cocotb_tests.sim.test_run_waves import RESET, signal
from firmware.guests.attacks import BY_NAME
from sim.sanctuary.attack_run import run_attack
from sim.sanctuary.waves_whole import write_whole

__all__: list[str] = []

CYCLE = 10  # units of time


@pytest.mark.regress  # the model that draws takes minutes to build, and draws some million cycles
def test_the_whole_run_is_drawn(tmp_path: Path) -> None:
    attack = BY_NAME["dma_read_guest2"]
    save = write_whole(tmp_path, attack, full=True)
    waves = tmp_path / f"{attack.name}.fst"
    assert save.exists() and str(waves) in (tmp_path / "whole.gtkw").read_text()
    evidence = run_attack(attack, attack.off_in_both)
    drawn = Fst(waves)
    guest = drawn.changes(signal("core.context.guest", 1))
    assert guest[0][1] == 0 and {value for _, value in guest} == {0, 1}
    assert guest[-1][0] / CYCLE <= evidence.cycles < guest[-1][0] / CYCLE + 1_000_000
    exits = sum(evidence.exit_counts.values())
    assert len(guest) >= exits, "each exit leaves guest mode"
    eip = drawn.changes(signal("core.eip", 32))
    assert RESET in {value for _, value in eip[:200]} and len(eip) > 10_000
