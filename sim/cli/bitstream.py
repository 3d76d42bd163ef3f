"""``ringfence bitstream``: the machine, or the DMA guard's demonstration, on a board."""

import json
import os
import sys

import click

from sim.cli.errors import user_errors
from sim.outputs import write_output

__all__ = ["command"]

_NICENESS = 10


@click.command("bitstream")
@click.option("--board", "board_name", default="ulx3s_85f", show_default=True, help="Which board.")
@click.option("--synth-only", is_flag=True, help="Stop after synthesis: area, but no clock and no bitstream.")
@click.option("--whole-only", is_flag=True, help="Leave out the further syntheses that give each part's share.")
def command(board_name: str, synth_only: bool, whole_only: bool) -> None:
    """Synthesize what a board is for, place, route and pack it; say what it takes and what its parts take.

    ulx3s_85f: the machine; place and route takes more than half an hour. icebreaker: the DMA guard between traffic generators and memory,
    with a report on the serial line; two minutes. Files and logs are in build/bitstream/BOARD/.
    """
    from sim.fpga.board import find_board
    from sim.fpga.flow import achieved_clock, board_folder, elaborate, pack, place_and_route, synthesize
    from sim.fpga.summary import summarize
    from sim.fpga.toolchain import YOSYS
    from sim.fpga.tools import ToolFailed, require

    board = find_board(board_name)
    require(YOSYS, *(() if synth_only else board.toolchain.tools))
    os.nice(_NICENESS)
    too_slow = False
    with user_errors(ToolFailed):
        variants = list(board.design.variants)[: 1 if whole_only else None]
        keys = {variant: elaborate(board, variant) for variant in variants}  # all of the same sources
        areas = {variant: synthesize(board, variant, key) for variant, key in keys.items()}
        summary, text = summarize(board, areas)
        print(text, flush=True)
        if not synth_only:
            place_and_route(board)
            clock = achieved_clock(board)
            summary["clock_mhz"] = clock
            needed = board.clock_hz() / 1e6
            print(f"clock: {clock:.2f} MHz achieved, {needed:.2f} MHz is the {board.design.words}'s on this board", flush=True)
            summary["bitstream"] = str(pack(board))
            print(f"bitstream: {summary['bitstream']}")
            too_slow = clock < needed
    write_output(board_folder(board) / "summary.json", json.dumps(summary, indent=2) + "\n")
    if too_slow:
        print("ringfence: the bitstream is too slow for its clock and will not run reliably: lower CLOCK of the board", file=sys.stderr)
        sys.exit(1)
