"""``ringfence run --waves``: the file is whole, and shows what the processor did."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cocotb_tests.sim.fst import Fst
from cocotb_tests.sim.test_run import HELLO, write
from sim.cli import run_options
from sim.cli.main import main
from sim.sanctuary.waves_names import fst_name

__all__: list[str] = []

CYCLE = 10  # units of time
ENTRY, AFTER_IT = 0x10_000C, 0x10_0011  # of the program: its first instruction is a MOV of five bytes
RESET = 0xFFF0


def signal(name: str, width: int) -> str:
    """As it is called in the file."""
    return fst_name(name, width).partition("[")[0]


@pytest.mark.regress  # the model that draws takes minutes to build
def test_waves_of_a_whole_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waves = tmp_path / "waves.fst"
    monkeypatch.setattr(run_options, "_WAVES", waves)
    done = CliRunner().invoke(main, ["run", str(write(tmp_path, HELLO)), "--waves"])
    assert (done.exit_code, done.stdout) == (0x21, "serial\ndebug\n"), done.stderr
    assert f"waves in {waves}" in done.stderr
    cycles = int(done.stderr.partition("exit status 33, ")[2].split()[0])
    drawn = Fst(waves)
    eip = drawn.changes(signal("core.eip", 32))
    values = [value for _, value in eip]
    assert RESET in values and values.index(RESET) < values.index(ENTRY) < values.index(AFTER_IT)
    assert 0.9 * cycles < (eip[-1][0] - eip[0][0]) / CYCLE <= cycles
    clock = drawn.changes(next(name for name in drawn.numbers if name.endswith(".clk")))
    assert len(clock) >= 2 * (cycles - 1) and {value for _, value in clock} == {0, 1}
    assert len(drawn.changes(signal("bus.request.address", 32))) > 20
