"""``ringfence sim``: the scenario ``sanctuary``."""

import shutil
import sys
import time
from collections.abc import Callable

import click

from sim.cli.errors import fail
from sim.paths import BUILD

__all__ = ["command"]

_FOLDER = BUILD / "sanctuary"
_WHOLE = "dma_read_guest2"  # of which the waves are drawn as a whole


@click.command("sim")
@click.option("--jobs", type=click.IntRange(1, 64), default=2, show_default=True, help="Runs at a time.")
@click.option("--attack", "names", multiple=True, help="Only this attack; may be repeated.")
@click.option(
    "--waves",
    type=click.Choice(["windows", "full"]),
    envvar="WAVES",
    show_envvar=True,
    default="windows",
    show_default=True,
    help="full: one run as a whole (FST) too.",
)
def command(jobs: int, names: tuple[str, ...], waves: str) -> None:
    """Two guests above the isolation kernel, one of which attacks in every way open to it.

    Each attack is run with all protections and once more with the one that it aims at switched off. The exit status is 0 if every attack
    was blocked and succeeded in its control run, guest 2's answers were right, nothing interfered with it, and the 17 instructions that
    do not trap behave in a guest as on the bare machine. Report, waveforms and a picture of memory are left under build/sanctuary/.
    """
    from firmware.build import guest
    from firmware.guests.attacks import ATTACKS, BY_NAME
    from sim.machine import MachineConfig, machine_spec
    from sim.model import build_model
    from sim.sanctuary.html import write_html
    from sim.sanctuary.report import report, write_report
    from sim.sanctuary.runs import run_all
    from sim.sanctuary.table import show
    from sim.sanctuary.waves_whole import write_whole

    for name in names:
        if name not in BY_NAME:
            fail(f"there is no attack called {name}: there are {', '.join(BY_NAME)}")
    attacks = tuple(BY_NAME[name] for name in names) or ATTACKS
    start = time.monotonic()
    build_model(machine_spec(MachineConfig()))
    for image in ("attacker", "trusted", "mass_market", "sensitive", "sensitive_ring1"):
        guest(image)
    folder = _FOLDER / "waves"
    shutil.rmtree(folder, ignore_errors=True)
    with _progress() as tell:
        results = run_all(attacks, jobs, tell, folder)
    write_whole(folder, attacks[0] if names else BY_NAME[_WHOLE], full=waves == "full")
    content = report(results, len(attacks), folder)
    path = write_report(_FOLDER, content)
    page = write_html(_FOLDER, content, results)
    show(results, content)
    print(f"{time.monotonic() - start:.0f} s; report: {path} and {page}; waves: {folder}")
    sys.exit(0 if content["passed"] else 1)


class _progress:
    """A bar on a terminal; a line for every tenth run elsewhere."""

    def __enter__(self) -> Callable[[str, int, int], None]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._bar = None
        if not sys.stderr.isatty():
            return self._line
        from rich.console import Console

        console = Console(stderr=True)
        self._bar = Progress(TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console)
        self._bar.start()
        task = self._bar.add_task("starting", total=None)

        def tell(label: str, number: int, total: int) -> None:
            assert self._bar is not None
            self._bar.update(task, description=label, completed=number, total=total)

        return tell

    @staticmethod
    def _line(label: str, number: int, total: int) -> None:
        if number % 10 == 0 or number == total:
            print(f"sanctuary: {number} of {total} runs, the last: {label}", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
