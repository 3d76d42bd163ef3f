"""The waves of a whole start of the machine, as FST, and the names beside all waves."""

from pathlib import Path
from tempfile import TemporaryDirectory

from firmware.build import build
from sim.bank.attack import Stage
from sim.bank.missing import missing
from sim.bank.world import World
from sim.sanctuary.waves_whole import drawing, name_waves

__all__ = ["draw_first_start", "write_whole"]

_NAME = "first_start.fst"


def draw_first_start(path: Path) -> None:
    """The first start, from power-on until the trusted guest has shut itself down, on a model that draws. Builds that if need be."""
    with drawing(path, "the whole of the first start"), TemporaryDirectory(prefix="ringfence-bank-") as folder:
        Stage(World(Path(folder) / "world", missing(()))).provision(path)


def write_whole(folder: Path, *, full: bool) -> Path:
    """The save and filter files for what has been drawn; with ``full`` the whole of a first start too. The save file's path."""
    whole = folder / _NAME if full else None
    if whole is not None:
        draw_first_start(whole)
    return name_waves(folder, build("market"), whole)
