"""The iCEBreaker, as far as it can be tried without one: its netlist says what the circuit says, and its bitstream is fast enough."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from chipset.boards.guard_demo.demo import GuardDemo
from chipset.boards.guard_demo.layout import MAIN_BYTES
from chipset.boards.ice40_ram import SpRam
from chipset.memory_controller.ram import WORD_BYTES
from cocotb_tests.chipset.boards.guard_demo.said import assert_guarded, expected, listen
from cocotb_tests.chipset.boards.ice40_cells import ICE40_CELLS
from cocotb_tests.serial_line import SerialLine
from sim.fpga.board import find_board
from sim.fpga.toolchain import YOSYS
from sim.model import Model, ModelSpec, build_model
from sim.model.verilog import to_rtlil

__all__: list[str] = []

BIT_CYCLES = 8
ACCESSES = 64
NETLIST = "netlist"
SYNC = bytes.fromhex("7eaa997e")  # what an iCE40 waits for before its configuration


class Netlist(wiring.Component):
    """The module that synthesis left, with its flat ports."""

    def __init__(self) -> None:
        super().__init__({"tx": Out(1), "passed": Out(1), "failed": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.netlist = Instance(
            NETLIST, i_clk=ClockSignal(), i_rst=ResetSignal(), o_tx=self.tx, o_passed=self.passed, o_failed=self.failed
        )
        return m


@pytest.mark.regress
def test_the_netlist_says_the_same(tmp_path: Path) -> None:
    """Look-up tables and RAM blocks, simulated with Yosys' models of them: peace and an attack, in short rounds."""
    circuit = GuardDemo([SpRam(MAIN_BYTES // WORD_BYTES) for _ in range(2)], bit_cycles=BIT_CYCLES, accesses=ACCESSES)
    (tmp_path / "demo.il").write_text(to_rtlil(circuit, NETLIST))
    script = f"read_rtlil demo.il; {find_board('icebreaker').toolchain.synthesis} -top {NETLIST}; write_verilog -noattr netlist.v"
    subprocess.run([Path(sys.executable).parent / YOSYS, "-q", "-p", script], cwd=tmp_path, check=True)
    spec = ModelSpec(f"{__name__}:Netlist", verilog=(tmp_path / "netlist.v", ICE40_CELLS))
    with Model(build_model(spec)) as model:
        serial = SerialLine(model, bit_cycles=BIT_CYCLES)
        for number, wanted in enumerate(expected(2, ACCESSES), start=1):
            assert_guarded(listen(serial), number, wanted)
        assert (model.get("passed"), model.get("failed")) == (1, 0)


@pytest.mark.regress
def test_the_bitstream_is_fast_enough() -> None:
    """From the circuit to the packed bitstream; the command fails if the clock that place and route reaches is below the board's."""
    done = subprocess.run(
        [sys.executable, "-m", "sim.cli.main", "bitstream", "--board", "icebreaker", "--whole-only"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.splitlines()[-1].removeprefix("bitstream: "))
    summary = json.loads((path.parent.parent / "summary.json").read_text())
    assert summary["clock_mhz"] >= 12 and summary["whole"]["luts"] < 5280
    assert SYNC in path.read_bytes()[:16]
