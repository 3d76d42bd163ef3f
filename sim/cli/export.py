"""``ringfence export``: parts of the machine for other people's designs."""

from pathlib import Path

import click

from sim.cli.errors import user_errors
from sim.cli.lists import FORMATS, NameList

__all__ = ["command"]

_ALL = "all"


@click.group("export")
def command() -> None:
    """Write parts of the machine as Verilog for other designs."""


@command.command("dma-guard")
@click.option("--bus", "bus_name", required=True, help="axi4 or wishbone.")
@click.option("--requesters", type=int, required=True, metavar="N", help="Guarded ports, 1 to 16.")
@click.option(
    "--formats",
    type=NameList((*FORMATS, _ALL)),
    default=_ALL,
    show_default=True,
    help="uniform, per-requester, per-requester-and-access, with commas; or all.",
)
@click.option("--cached-words", type=int, default=2, show_default=True, metavar="W", help="Map words kept for each port: a power of two.")
@click.option(
    "--reset",
    "at_reset",
    type=click.Choice(("open", "closed")),
    default="open",
    show_default=True,
    help="open: off at reset; closed: on, and nothing passes.",
)
@click.option(
    "--on-refusal",
    type=click.Choice(("error", "ones")),
    default="error",
    show_default=True,
    help="error: the bus's error; ones: as if done, reads bring ones.",
)
@click.option("--id-width", type=int, default=4, show_default=True, metavar="BITS", help="Width of the masters' IDs (axi4).")
@click.option(
    "--depth", type=int, default=8, show_default=True, metavar="BURSTS", help="Bursts of a port under way in each direction (axi4)."
)
@click.option(
    "--stall-limit", type=int, default=1024, show_default=True, metavar="CYCLES", help="Until a stalled burst is cut; 0: never (axi4)."
)
@click.option("--output", type=click.Path(path_type=Path), required=True, metavar="DIR", help="A new folder.")
def dma_guard(
    bus_name: str, requesters: int, formats: list[str], cached_words: int, at_reset: str, on_refusal: str, id_width: int, depth: int,
    stall_limit: int, output: Path,
) -> None:  # fmt: skip
    """Write the DMA guard behind a standard bus: Verilog, a FuseSoC core, a C header and a page that says how to use it."""
    from chipset.dma_policy.decision import ALL_FORMATS
    from chipset.export.settings import GuardSettings, OnRefusal
    from sim.export.bundle import ExportError, write
    from sim.export.ports import BUSES

    if bus_name not in BUSES:
        raise click.BadParameter(f"{bus_name!r} is not one of {', '.join(BUSES)}", param_hint="'--bus'")
    with user_errors(ValueError, ExportError):
        settings = GuardSettings(
            requesters=requesters, formats=ALL_FORMATS if _ALL in formats else frozenset(FORMATS[name] for name in formats),
            cached_words=cached_words, closed_at_reset=at_reset == "closed", on_refusal=OnRefusal[on_refusal.upper()],
            id_width=id_width, depth=depth, stall_limit=stall_limit,
        )  # fmt: skip
        written = write(BUSES[bus_name], settings, output)
    for name in written:
        click.echo(output / name)
