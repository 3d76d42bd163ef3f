"""``ringfence measure``: what the DMA guard by itself takes on an FPGA, and which clock it reaches; into ``build/measure.json``."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli.errors import fail, user_errors
from sim.paths import BUILD

if TYPE_CHECKING:
    from contracts.policy_map import Format

__all__ = ["command"]

_NICENESS = 10
_ALL = "all"

# Lists arrive as text and are judged here: whatever is wrong with them is one line.


@click.command("measure")
@click.option("--circuits", default="guard,merge,axi4,wishbone", show_default=True, help="What is measured.")
@click.option("--requesters", default="1,4,16", show_default=True, metavar="N,…", help="Each circuit for so many, 1 to 16.")
@click.option(
    "--formats", default="uniform,per-requester,per-requester-and-access,all", show_default=True,
    help="The guard with each of these formats of the map alone, or with all; a bus's guard with the first.",
)  # fmt: skip
@click.option("--cached-words", default="1", show_default=True, metavar="W", help="Map words kept for each requester: a power of two.")
@click.option("--clock", is_flag=True, help="Place and route too, and say the MHz.")
@click.option("--seeds", type=click.IntRange(min=1), default=8, show_default=True, help="How many times each is placed: seeds 1 to N.")
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), default=BUILD / "measure.json", help="build/measure.json if not given."
)
def command(circuits: str, requesters: str, formats: str, cached_words: str, clock: bool, seeds: int, output: Path) -> None:
    """Measure the DMA guard by itself on an ECP5: look-up tables, flip-flops, block RAMs, and with --clock MHz.

    guard: with its registers, without a bus; merge: what makes one stream of the requesters' where there is no guard; axi4 and wishbone:
    as exported, registers and trusted port too (axi4 up to 8 ports). Each stands among flip-flops, which do not count. All seeds are told,
    and none is chosen.
    """
    from chipset.export.settings import GuardSettings
    from sim.fpga import bare
    from sim.fpga.measure import CHIP, area_of, clocks_of, tool_versions
    from sim.fpga.toolchain import ECP5, YOSYS
    from sim.fpga.tools import ToolFailed, require

    kinds = _choices("circuits", circuits, bare.KINDS)
    counts, words = _requesters(requesters), _number("cached-words", cached_words)
    with user_errors(ValueError):
        for count in counts:
            GuardSettings(count, cached_words=words)  # the limits of all that is measured
    wanted = list(bare.circuits(kinds, counts, _formats(formats), words))
    require(YOSYS, *((ECP5.nextpnr,) if clock else ()))
    os.nice(_NICENESS)
    entries: list[dict[str, object]] = []
    with user_errors(ToolFailed):
        for circuit in wanted:
            area = area_of(circuit)
            entry: dict[str, object] = {
                "circuit": circuit.kind, "requesters": circuit.requesters, "formats": [f.name.lower() for f in circuit.formats],
                "cached_words": circuit.cached_words,
                "luts": area.luts, "flip_flops": area.flip_flops, "block_rams": area.block_rams,
            }  # fmt: skip
            said = f"{circuit.name}: {area.luts} LUT4, {area.flip_flops} flip-flops, {area.block_rams} block RAMs"
            if clock:
                reached = clocks_of(circuit, range(1, seeds + 1))
                entry["clock_mhz"] = {
                    "by_seed": {str(seed): mhz for seed, mhz in reached.by_seed.items()},
                    "lowest": reached.lowest, "median": reached.median, "best": reached.best,
                }  # fmt: skip
                each = " ".join(f"{mhz:.1f}" for mhz in reached.by_seed.values())
                said += f"; MHz: lowest {reached.lowest:.1f}, median {reached.median:.1f}, best {reached.best:.1f} of {each}"
            click.echo(said)
            entries.append(entry)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps({"chip": CHIP, "tools": tool_versions(), "circuits": entries}, indent=2) + "\n")
    except OSError as error:
        fail(f"{output}: {error.strerror}")
    click.echo(f"written to {output}")


def _number(option: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        fail(f"--{option} {text}: a number is needed")


def _choices(option: str, text: str, choices: tuple[str, ...]) -> list[str]:
    """The names of a list, each once."""
    for name in text.split(","):
        if name not in choices:
            fail(f"--{option} {text}: of {', '.join(choices)}, with commas, is needed")
    return list(dict.fromkeys(text.split(",")))


def _requesters(text: str) -> list[int]:
    from contracts.policy_map import MAX_DMA_REQUESTERS

    counts = [_number("requesters", part) for part in text.split(",")]
    for count in counts:
        if not 1 <= count <= MAX_DMA_REQUESTERS:
            fail(f"--requesters {text}: 1 to {MAX_DMA_REQUESTERS} can be built")
    return list(dict.fromkeys(counts))


def _formats(text: str) -> "list[tuple[Format, ...]]":
    from contracts.policy_map import Format

    names = {f.name.lower().replace("_", "-"): (f,) for f in Format}
    return [names.get(name, tuple(Format)) for name in _choices("formats", text, (*names, _ALL))]
