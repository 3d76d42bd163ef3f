"""``ringfence wave``: the demonstration's waveforms in a viewer."""

import os
import shutil
import sys
from pathlib import Path

import click

from sim.cli.errors import fail
from sim.paths import BUILD

__all__ = ["command"]

_VIEWERS = ("gtkwave", "surfer")
_SCENARIOS = ("sanctuary", "bank")
_PLACES = (*_SCENARIOS, "run")


def _waves(file: Path | None) -> list[Path]:
    if file is not None:
        found = [path for path in (file, *(BUILD / name / "waves" / f"{file}.vcd" for name in _SCENARIOS)) if path.exists()]
        if not found:
            fail(f"{file}: no such file, nor are there waves of an attack of that name")
        return found[:1]
    for place in _PLACES:
        found = sorted(p for pattern in ("*.fst", "*.vcd") for p in (BUILD / place).rglob(pattern))
        if found:
            return found
    fail("there are no waveforms yet: `make sim` or `ringfence run --waves FILE` draws some")


@click.command("wave")
@click.argument("file", type=click.Path(path_type=Path), required=False)
def command(file: Path | None) -> None:
    """Open FILE (or the window around the attack of that name), or the newest of the demonstration's waveforms, in GTKWave or Surfer;
    without a viewer, say where the files are."""
    files = _waves(file)
    viewer = next((found for name in _VIEWERS if (found := shutil.which(name))), None)
    if viewer is None or not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        what = "no viewer is installed (gtkwave would do)" if viewer is None else "there is no display"
        print(f"{what}; the waveforms are in:", file=sys.stderr)
        for path in files:
            print(path)
        return
    newest = max(files, key=lambda p: p.stat().st_mtime)
    save = newest.parent / ("whole.gtkw" if newest.suffix == ".fst" else "attacks.gtkw")
    os.execv(viewer, [viewer, str(newest), *([str(save)] if viewer.endswith("gtkwave") and save.exists() else [])])
