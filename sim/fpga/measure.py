"""The measure of a circuit by itself: what it takes on an ECP5, and the clock that it reaches there among flip-flops."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

from sim.fpga import fast_mapping
from sim.fpga.bare import Bare
from sim.fpga.board import find_board
from sim.fpga.stamp import digest_of, is_fresh
from sim.fpga.toolchain import ECP5, TOP, YOSYS, Area, slowest_clock
from sim.fpga.tools import require, run
from sim.paths import BUILD

__all__ = ["CHIP", "CHIP_BOARD", "Clocks", "area_of", "clocks_of", "tool_versions"]

CHIP = "ECP5-85F, speed grade 6"
CHIP_BOARD = "ulx3s_85f"  # which has it
_FRAMED = f"{TOP}.framed"  # the module that is measured
_SYNTHESIZED = "synthesized"


@dataclass(frozen=True)
class Clocks:
    """MHz that place and route has reached, by its seed."""

    by_seed: Mapping[int, float]

    @property
    def lowest(self) -> float:
        return min(self.by_seed.values())

    @property
    def median(self) -> float:
        return median(self.by_seed.values())

    @property
    def best(self) -> float:
        return max(self.by_seed.values())

    @property
    def reaching(self) -> int:
        """How many seeds reach ``TARGET_MHZ``."""
        return sum(mhz >= fast_mapping.TARGET_MHZ for mhz in self.by_seed.values())


def tool_versions() -> dict[str, str]:
    """Of what is measured with, by package."""
    return {name: version(name) for name in (YOSYS, ECP5.nextpnr_package)}


def _folder(bare: Bare) -> Path:
    return BUILD / "measure" / bare.name


def area_of(bare: Bare) -> Area:
    """Synthesis, unless that has been done; of what is inside the frame. Leaves ``top.json`` for ``clocks_of``. ToolFailed if it fails."""
    from amaranth.back import rtlil

    from chipset.boards.bare_guard import FlipFlopFrame
    from chipset.dma_policy.tables import StopsAtNets

    require(YOSYS)
    folder, commands = _folder(bare), fast_mapping.script(_FRAMED)
    design = str(rtlil.convert(FlipFlopFrame(bare.make()), name=TOP, platform=StopsAtNets(), emit_src=False))
    key = digest_of(design, *commands, version(YOSYS))
    stamp = folder / _SYNTHESIZED
    if not is_fresh(stamp, key):
        folder.mkdir(parents=True, exist_ok=True)
        stamp.unlink(missing_ok=True)
        (folder / f"{TOP}.il").write_text(design)
        script = "; ".join((f"read_rtlil {TOP}.il", *commands, "tee -q -o stat.json stat -json"))
        run(f"{bare.name}: synthesis", [sys.executable, "-m", "sim.fpga.deep_yosys", "-p", script], folder, folder / "synthesis.log")
        stamp.write_text(key)
    return ECP5.area(json.loads((folder / "stat.json").read_text()), _FRAMED)


def clocks_of(bare: Bare, seeds: Sequence[int]) -> Clocks:
    """Place and route of what ``area_of`` has left, once for each seed, unless that has been done. ToolFailed if one fails."""
    require(ECP5.nextpnr)
    folder = _folder(bare)
    options = (*find_board(CHIP_BOARD).chip_options, *fast_mapping.PLACING)
    key = digest_of((folder / _SYNTHESIZED).read_text(), *options, version(ECP5.nextpnr_package))
    by_seed = {}
    for seed in seeds:
        stamp, report = folder / f"routed{seed}", f"report{seed}.json"
        if not is_fresh(stamp, key):
            stamp.unlink(missing_ok=True)
            run(f"{bare.name}: place and route, seed {seed}", [
                ECP5.nextpnr, *options, "--json", f"{TOP}.json", "--report", report, "--seed", str(seed), "--timing-allow-fail",
                "--lpf-allow-unconstrained",
            ], folder, folder / f"route{seed}.log")  # fmt: skip
            stamp.write_text(key)
        by_seed[seed] = slowest_clock(json.loads((folder / report).read_text()))
    return Clocks(by_seed)
