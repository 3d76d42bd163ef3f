"""The scenario ``sanctuary`` from the command line: its runs, its report, its table."""

import shutil
import sys
import time
from typing import NoReturn

from sim.cli.progress import progress
from sim.cli.scenario import chosen
from sim.paths import BUILD

__all__ = ["run"]

_FOLDER = BUILD / "sanctuary"
_WHOLE = "dma_read_guest2"  # of which the waves are drawn as a whole


def run(jobs: int, names: tuple[str, ...], waves: str) -> NoReturn:
    """Two guests above the isolation kernel, one of which attacks in every way open to it; the exit status is 0 if all is as promised."""
    from firmware.build import guest
    from firmware.guests.attacks import BY_NAME
    from sim.machine import MachineConfig, machine_spec
    from sim.model import build_model
    from sim.sanctuary.html import write_html
    from sim.sanctuary.report import report, write_report
    from sim.sanctuary.runs import run_all
    from sim.sanctuary.table import show
    from sim.sanctuary.waves_whole import write_whole

    attacks = chosen(names, BY_NAME)
    start = time.monotonic()
    build_model(machine_spec(MachineConfig()))
    for image in ("attacker", "trusted", "mass_market", "sensitive", "sensitive_ring1"):
        guest(image)
    folder = _FOLDER / "waves"
    shutil.rmtree(folder, ignore_errors=True)
    with progress("sanctuary") as tell:
        results = run_all(attacks, jobs, tell, folder)
    write_whole(folder, attacks[0] if names else BY_NAME[_WHOLE], full=waves == "full")
    content = report(results, len(attacks), folder)
    path = write_report(_FOLDER, content)
    page = write_html(_FOLDER, content, results)
    show(results, content)
    print(f"{time.monotonic() - start:.0f} s; report: {path} and {page}; waves: {folder}")
    sys.exit(0 if content["passed"] else 1)
