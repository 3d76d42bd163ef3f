"""The board's top level: its reset ROM says its line on the serial pin; and the flow's words on what cannot be."""

import subprocess
import sys

from sim.model import Model, ModelSpec, build_model

__all__: list[str] = []

BIT_CYCLES = 8  # the simulation's line is faster than the board's
FRAME_BITS = 10
BOOT_CYCLES = 100_000  # far more than the ROM needs to its first character
LINE = "Ringfence reset ROM: no program in memory, halted.\r\n"
ROOMS = ("contracts", "rtl", "cpu_ext", "chipset", "firmware", "sim/fpga/design.py")


def samples(model: Model, cycles: int) -> list[int]:
    """The pin in each of the next cycles."""
    found = []
    for _ in range(cycles):
        model.run(1)
        found.append(model.get("tx"))
    return found


def receive(model: Model) -> str:
    """One character: from the falling edge of the start bit, each bit in its middle."""
    for _ in range(BOOT_CYCLES):
        model.run(1)
        if not model.get("tx"):
            break
    else:
        raise AssertionError("the line stays idle")
    frame = samples(model, FRAME_BITS * BIT_CYCLES - 2)[BIT_CYCLES // 2 - 1 :: BIT_CYCLES]
    assert frame[0] == 0, "no start bit"
    assert frame[-1] == 1, "no stop bit"
    return chr(sum(bit << n for n, bit in enumerate(frame[1:-1])))


def test_reset_rom_speaks_on_the_serial_pin() -> None:
    spec = ModelSpec("sim.fpga.design:board_machine", {"bit_cycles": BIT_CYCLES}, rooms=ROOMS)
    with Model(build_model(spec)) as model:
        model.set("rx", 1)
        line = "".join(receive(model) for _ in LINE)
        assert line == LINE
        assert all(samples(model, 50 * FRAME_BITS * BIT_CYCLES)), "it says more"


def bitstream(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sim.cli.main", "bitstream", *options], capture_output=True, text=True, check=False
    )  # fmt: skip


def test_unknown_board_is_one_line() -> None:
    done = bitstream("--board", "tabletop")
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["ringfence: unknown board 'tabletop': there is icebreaker, ulx3s_85f"]
    assert done.stdout == ""
