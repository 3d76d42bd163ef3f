"""The board's clock: what the PLL can be asked for, and that place and route derives the machine's clock from it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from amaranth.hdl import ClockDomain, ClockSignal, Module, Signal
from amaranth.lib import io, wiring

from chipset.boards.ecp5_clock import ClockPlan, Ecp5Clock
from chipset.boards.ulx3s import CLOCK
from sim.fpga.board import find_board
from sim.fpga.toolchain import YOSYS

__all__: list[str] = []


class Blinker(wiring.Component):
    """The least that has a clock: a light that follows a counter."""

    def __init__(self) -> None:
        super().__init__({})

    def elaborate(self, platform) -> Module:
        m = Module()
        m.domains.sync = ClockDomain(reset_less=True)
        m.submodules.clock = clock = Ecp5Clock(CLOCK)
        m.d.comb += ClockSignal().eq(clock.clk)
        count = Signal(24)
        m.d.sync += count.eq(count + 1)
        m.submodules.led = led = io.Buffer("o", platform.request("led", 0, dir="-"))
        m.d.comb += led.o.eq(count[-1])
        return m


def test_place_and_route_is_held_to_the_machines_clock(tmp_path: Path) -> None:
    board = find_board("ulx3s_85f")
    plan = board.platform().build(Blinker(), name="top", do_build=False, emit_src=False)
    for name in ("top.il", "top.lpf"):
        content = plan.files[name]
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    tools = Path(sys.executable).parent
    for command in (
        [str(tools / YOSYS), "-q", "-p", "read_rtlil top.il; synth_ecp5 -top top -json top.json"],
        [str(tools / board.toolchain.nextpnr), "-q", *board.chip_options, "--json", "top.json",
         "--lpf", "top.lpf", "--textcfg", "top.config", "--report", "report.json"],
    ):  # fmt: skip
        subprocess.run(command, cwd=tmp_path, check=True)
    (clock,) = json.loads((tmp_path / "report.json").read_text())["fmax"].values()
    assert clock["constraint"] == pytest.approx(board.clock_hz() / 1e6, rel=1e-6)


def test_clock_of_the_board_is_two_thirds_of_its_oscillator() -> None:
    assert find_board("ulx3s_85f").clock_hz() == 16_666_666


@pytest.mark.parametrize(
    ("multiply", "divide", "why"),
    [
        (1, 9, "the PLL compares at 2777778 Hz"),
        (40, 1, "cannot run at a multiple of 1000000000 Hz"),
        (1, 8, "cannot run at a multiple of 3125000 Hz"),
    ],
)
def test_what_the_pll_cannot_do_is_said(multiply: int, divide: int, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        ClockPlan(25_000_000, multiply, divide)
