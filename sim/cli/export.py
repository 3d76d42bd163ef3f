"""``ringfence export``: parts of the machine for other people's designs."""

from pathlib import Path

import click

from sim.cli.errors import fail, user_errors

__all__ = ["command"]

# Values arrive as text and are judged here: whatever is wrong with them is one line.


@click.group("export")
def command() -> None:
    """Write parts of the machine as Verilog for other designs."""


def _number(option: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        fail(f"--{option} {text}: a number is needed")


def _choice(option: str, text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        fail(f"--{option} {text}: one of {', '.join(choices)} is needed")
    return text


@command.command("dma-guard")
@click.option("--bus", "bus_name", default="", help="axi4 or wishbone.")
@click.option("--requesters", default="", metavar="N", help="Guarded ports, 1 to 16.")
@click.option("--formats", default="all", show_default=True, help="uniform, per-requester, per-requester-and-access, with commas; or all.")
@click.option("--cached-words", default="2", show_default=True, metavar="W", help="Map words kept for each port: a power of two.")
@click.option("--reset", "at_reset", default="open", show_default=True, help="open: off at reset; closed: on, and nothing passes.")
@click.option("--on-refusal", default="error", show_default=True, help="error: the bus's error; ones: as if done, reads bring ones.")
@click.option("--id-width", default="4", show_default=True, metavar="BITS", help="Width of the masters' IDs (axi4).")
@click.option("--depth", default="8", show_default=True, metavar="BURSTS", help="Bursts of a port under way in each direction (axi4).")
@click.option("--stall-limit", default="1024", show_default=True, metavar="CYCLES", help="Until a stalled burst is cut; 0: never (axi4).")
@click.option("--output", default="", metavar="DIR", help="A new folder.")
def dma_guard(
    bus_name: str, requesters: str, formats: str, cached_words: str, at_reset: str, on_refusal: str, id_width: str, depth: str,
    stall_limit: str, output: str,
) -> None:  # fmt: skip
    """Write the DMA guard behind a standard bus: Verilog, a FuseSoC core, a C header and a page that says how to use it."""
    from chipset.dma_policy.decision import ALL_FORMATS
    from chipset.export.settings import GuardSettings, OnRefusal
    from contracts.policy_map import Format
    from sim.export.bundle import ExportError, write
    from sim.export.ports import BUSES

    for option, text in (("bus", bus_name), ("requesters", requesters), ("output", output)):
        if not text:
            fail(f"--{option} is needed")
    bus = BUSES[_choice("bus", bus_name, tuple(BUSES))]
    names = {f.name.lower().replace("_", "-"): f for f in Format}
    chosen = ALL_FORMATS if formats == "all" else frozenset(names[_choice("formats", f, (*names, "all"))] for f in formats.split(","))
    refusals = {r.name.lower(): r for r in OnRefusal}
    with user_errors(ValueError, ExportError):
        settings = GuardSettings(
            requesters=_number("requesters", requesters), formats=chosen, cached_words=_number("cached-words", cached_words),
            closed_at_reset=_choice("reset", at_reset, ("open", "closed")) == "closed",
            on_refusal=refusals[_choice("on-refusal", on_refusal, tuple(refusals))],
            id_width=_number("id-width", id_width), depth=_number("depth", depth), stall_limit=_number("stall-limit", stall_limit),
        )  # fmt: skip
        written = write(bus, settings, Path(output))
    for name in written:
        click.echo(Path(output, name))
