"""The board's top level: its reset ROM says its line on the serial pin; and the flow's words on what cannot be."""

import subprocess
import sys

from cocotb_tests.serial_line import SerialLine
from sim.model import Model, ModelSpec, build_model

__all__: list[str] = []

BIT_CYCLES = 8  # the simulation's line is faster than the board's
BOOT_CYCLES = 100_000  # far more than the ROM needs to its first character
LINE = "Ringfence reset ROM: no program in memory, halted.\r\n"
ROOMS = ("contracts", "rtl", "cpu_ext", "chipset", "firmware", "sim/fpga/design.py")


def test_reset_rom_speaks_on_the_serial_pin() -> None:
    spec = ModelSpec("sim.fpga.design:board_machine", {"bit_cycles": BIT_CYCLES}, rooms=ROOMS)
    with Model(build_model(spec)) as model:
        model.set("rx", 1)
        serial = SerialLine(model, bit_cycles=BIT_CYCLES)
        assert "".join(serial.receive(BOOT_CYCLES) for _ in LINE) == LINE
        assert serial.silent(50), "it says more"


def bitstream(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sim.cli.main", "bitstream", *options], capture_output=True, text=True, check=False
    )  # fmt: skip


def test_unknown_board_is_one_line() -> None:
    done = bitstream("--board", "tabletop")
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["ringfence: unknown board 'tabletop': there is icebreaker, ulx3s_85f"]
    assert done.stdout == ""
