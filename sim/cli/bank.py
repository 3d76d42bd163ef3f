"""The scenario ``bank`` from the command line: its runs, its report, its table."""

import shutil
import sys
import time
from typing import NoReturn

from sim.cli.errors import user_errors
from sim.cli.progress import progress
from sim.cli.scenario import chosen
from sim.paths import BUILD

__all__ = ["run"]

_FOLDER = BUILD / "bank"


def run(jobs: int, names: tuple[str, ...], waves: str) -> NoReturn:
    """A payment on a machine whose BIOS lies, and the attacks on it; the exit status is 0 if all is as promised."""
    from firmware.build import guest
    from sim.bank.attacks import BY_NAME
    from sim.bank.report import report, show, write
    from sim.bank.runs import run_all
    from sim.bank.waves_whole import write_whole
    from sim.machine import MachineConfig, machine_spec
    from sim.model import build_model
    from sim.tpm.swtpm import TpmError, check_swtpm

    attacks = chosen(names, BY_NAME)
    with user_errors(TpmError):
        check_swtpm()
    start = time.monotonic()
    build_model(machine_spec(MachineConfig()))
    for image in ("lying_bios", "market", "bank"):
        guest(image)
    folder = _FOLDER / "waves"
    shutil.rmtree(folder, ignore_errors=True)
    with progress("bank") as tell:
        results = run_all(attacks, jobs, tell, folder)
    write_whole(folder, full=waves == "full")
    content = report(results, len(attacks), folder)
    path, page = write(_FOLDER, content, results)
    show(results, content)
    print(f"{time.monotonic() - start:.0f} s; report: {path} and {page}; waves: {folder}")
    sys.exit(0 if content["passed"] else 1)
