"""The boards that can be built for, and the machine in its variants."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sim.cli.errors import fail

__all__ = ["BOARDS", "Board", "board_machine", "find_board"]


@dataclass(frozen=True)
class Board:
    """A board: nextpnr's words for its chip, what the chip has, and how to get Amaranth's platform of it.

    Attributes
    ----------
    device, package, speed : nextpnr-ecp5's options
    luts, block_rams : LUT4 and DP16KD that the chip has
    clock_hz : what the machine runs at, made of the board's oscillator
    """

    name: str
    device: str
    package: str
    speed: str
    luts: int
    block_rams: int
    clock_hz: Callable[[], int]
    platform: Callable[[], Any]


def _ulx3s_clock() -> int:
    from chipset.boards.ulx3s import CLOCK

    return CLOCK.hz


def _ulx3s_85f() -> Any:
    from amaranth_boards.ulx3s import ULX3S_85F_Platform

    return ULX3S_85F_Platform()


BOARDS = {
    board.name: board
    for board in (Board("ulx3s_85f", "85k", "CABGA381", "6", luts=83_640, block_rams=208, clock_hz=_ulx3s_clock, platform=_ulx3s_85f),)
}  # fmt: skip


def find_board(name: str) -> Board:
    """The board of that name; an unknown one is the user's error."""
    if name not in BOARDS:
        fail(f"unknown board {name!r}: there is {', '.join(sorted(BOARDS))}")
    return BOARDS[name]


def board_machine(*, extension: bool = True, guard: bool = True, bit_cycles: int | None = None, memory_bytes: int | None = None) -> Any:
    """The machine as the board has it, perhaps without ring −1 or without the DMA guard; other sizes and rates are for simulations."""
    from chipset.boards.ulx3s import BAUD, CLOCK, MEMORY_BYTES, BoardMachine
    from cpu_ext.extension import Svm
    from firmware.build import reset_rom
    from rtl.core import Core
    from rtl.params import CoreParams

    params = CoreParams.default()
    core = Core(params, Svm(params)) if extension else Core(params)
    cycles = round(CLOCK.hz / BAUD) if bit_cycles is None else bit_cycles
    return BoardMachine(core, reset_rom(), bit_cycles=cycles, memory_bytes=memory_bytes or MEMORY_BYTES, guard=guard)
