"""The waves of a whole run, as FST, and the names beside all waves."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cpu_ext.extension import Svm
from firmware.build import guest
from firmware.guests.attack import Attack
from rtl.microcode.rom import build
from rtl.params import CoreParams
from sim.machine import Machine, MachineConfig
from sim.sanctuary.attack_run import AttackRun
from sim.sanctuary.started import Start, Started
from sim.sanctuary.waves import view_decoder, view_signals
from sim.sanctuary.waves_names import write_names

__all__ = ["draw_whole", "drawing", "name_waves", "write_whole"]


def draw_whole(path: Path, attack: Attack) -> None:
    """Run ``attack`` with all protections on a model that draws, from power-on to the end. Builds that model if need be."""
    with drawing(path, f"the whole of {attack.name}"), Machine(trace="fst") as machine:
        machine.trace_start(path)
        AttackRun(attack, Started(Start.of(attack, attack.off_in_both), machine)).run()
        machine.trace_stop()


@contextmanager
def drawing(path: Path, what: str) -> Iterator[None]:
    """Tells what is being drawn into ``path``, how large it has become, and how long it took."""
    path.parent.mkdir(parents=True, exist_ok=True)
    print(f"ringfence: drawing {what}", file=sys.stderr, flush=True)
    start = time.monotonic()
    yield
    print(f"ringfence: {path}: {path.stat().st_size / 1e6:.0f} MB, {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


def name_waves(folder: Path, image: Path, whole: Path | None) -> Path:
    """The save and filter files for what has been drawn of ``image`` as guest 1; ``whole`` is the FST file, if there is one. The save
    file's path."""
    rom = build(Svm(getattr(CoreParams, MachineConfig().params)()))
    widths = {s.name: s.width for s in view_signals(view_decoder().fields)}
    return write_names(folder, rom, image, widths, whole)


def write_whole(folder: Path, attack: Attack, *, full: bool) -> Path:
    """``name_waves``; with ``full`` the whole of a run of ``attack`` too."""
    whole = folder / f"{attack.name}.fst" if full else None
    if whole is not None:
        draw_whole(whole, attack)
    return name_waves(folder, guest("attacker"), whole)
