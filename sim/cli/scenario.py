"""``ringfence sim``: the scenarios, and how each of them begins and ends."""

import importlib
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from sim.cli.errors import fail
from sim.paths import BUILD

__all__ = ["chosen", "command", "conclude", "prepare"]

_T = TypeVar("_T")
_SCENARIOS = {"sanctuary": "sim.cli.sanctuary", "bank": "sim.cli.bank"}


def chosen(names: Sequence[str], by_name: Mapping[str, _T]) -> tuple[_T, ...]:
    """A scenario's attacks of these names; all, if none is named."""
    for name in names:
        if name not in by_name:
            fail(f"there is no attack called {name}: there are {', '.join(by_name)}")
    return tuple(by_name[name] for name in names) or tuple(by_name.values())


def prepare(scenario: str, images: Sequence[str]) -> tuple[Path, float]:
    """Build the model and the guests' ``images``, and remove what an earlier run has drawn. The scenario's folder, and when it began."""
    from firmware.build import guest
    from sim.machine import MachineConfig, machine_spec
    from sim.model import build_model

    start = time.monotonic()
    build_model(machine_spec(MachineConfig()))
    for image in images:
        guest(image)
    shutil.rmtree(BUILD / scenario / "waves", ignore_errors=True)
    return BUILD / scenario, start


def conclude(start: float, content: Mapping[str, object], path: Path, page: Path, waves: Path) -> NoReturn:
    """Say where everything is. The exit status is 0 if all is as promised."""
    print(f"{time.monotonic() - start:.0f} s; report: {path} and {page}; waves: {waves}")
    sys.exit(0 if content["passed"] else 1)


@click.command("sim")
@click.option("--scenario", type=click.Choice([*_SCENARIOS]), default="sanctuary", show_default=True, help="Which.")
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
def command(scenario: str, jobs: int, names: tuple[str, ...], waves: str) -> None:
    """Attacks on guests above the isolation kernel, each with its control run.

    sanctuary: two guests, one of which attacks in every way open to it. Guest 2's answers must be right, nothing may interfere with it, and
    the 17 instructions that do not trap must behave in a guest as on the bare machine.

    bank: a BIOS lies, a late launch starts the kernel, and a guest pays for its user, over an enemy's disk, network and system.

    Each attack is run with all protections and once more with the one that it aims at switched off. The exit status is 0 if each was
    blocked and succeeded in its control run, and all else is as promised. What is found is left under build/, in a folder named after it.
    """
    importlib.import_module(_SCENARIOS[scenario]).run(jobs, names, waves)
