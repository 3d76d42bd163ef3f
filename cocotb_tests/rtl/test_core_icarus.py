"""The core alone runs real code on Icarus: part of the named subset that shows that the circuit does not lean on one simulator."""

from pathlib import Path

import pytest

from cocotb_tests.rtl.test_core import assemble
from sim.cocotb_runner import CocotbDesign, run_cocotb
from sim.ram import SIM_RAM

__all__: list[str] = []

PORTS = ("exit_valid", "exit_data", "console_valid", "console_data", "shutdown")
DESIGN = CocotbDesign("cocotb_tests.rtl.core_bench:CoreBench", {"tiny": True, "latency": 1}, verilog=(SIM_RAM,), visible=PORTS)
MODULE = "cocotb_tests.rtl.core_under_cocotb"


@pytest.mark.regress  # the core takes most of a minute there
@pytest.mark.icarus
@pytest.mark.parametrize(("program", "says"), [("real", "Ringfence\n"), ("protected", "")])
def test_program_passes(program: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assemble(program, tmp_path)
    monkeypatch.setenv("RINGFENCE_IMAGE", str(tmp_path / f"{program}.bin"))
    monkeypatch.setenv("RINGFENCE_SAYS", says)
    assert run_cocotb(DESIGN, MODULE, "icarus", folder=tmp_path / "run") == 1
