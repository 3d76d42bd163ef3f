"""The boards that can be built for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sim.cli.errors import fail
from sim.fpga.design import GUARD_DEMO, MACHINE, Design
from sim.fpga.toolchain import ECP5, ICE40, Area, Toolchain

__all__ = ["BOARDS", "Board", "find_board"]


@dataclass(frozen=True)
class Board:
    """A board: how its chip is built for, what the chip has, how to get Amaranth's platform of it, and what is built.

    Attributes
    ----------
    chip_options : nextpnr's options that name the chip
    capacity : what the chip has
    clock_hz : what the design runs at on this board
    """

    name: str
    toolchain: Toolchain
    chip_options: Sequence[str]
    capacity: Area
    clock_hz: Callable[[], int]
    platform: Callable[[], Any]
    design: Design


def _ulx3s_clock() -> int:
    from chipset.boards.ulx3s import CLOCK

    return CLOCK.hz


def _ulx3s_85f() -> Any:
    from amaranth_boards.ulx3s import ULX3S_85F_Platform

    return ULX3S_85F_Platform()


def _icebreaker_clock() -> int:
    from chipset.boards.icebreaker import CLOCK_HZ

    return CLOCK_HZ


def _icebreaker() -> Any:
    from amaranth_boards.icebreaker import ICEBreakerPlatform

    return ICEBreakerPlatform()


_ALL = (
    Board(
        "ulx3s_85f", ECP5, ("--85k", "--package", "CABGA381", "--speed", "6"),
        Area(luts=83_640, flip_flops=83_640, block_rams=208, multipliers=156), _ulx3s_clock, _ulx3s_85f, MACHINE,
    ),
    Board(
        "icebreaker", ICE40, ("--up5k", "--package", "sg48"),
        Area(luts=5_280, flip_flops=5_280, block_rams=30, multipliers=8, large_rams=4), _icebreaker_clock, _icebreaker, GUARD_DEMO,
    ),
)  # fmt: skip
BOARDS = {board.name: board for board in _ALL}


def find_board(name: str) -> Board:
    """The board of that name; an unknown one is the user's error."""
    if name not in BOARDS:
        fail(f"unknown board {name!r}: there is {', '.join(sorted(BOARDS))}")
    return BOARDS[name]
