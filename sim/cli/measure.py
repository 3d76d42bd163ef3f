"""``ringfence measure``: what the DMA guard by itself takes on an FPGA, and which clock it reaches; into ``build/measure.json``."""

import json
import os
from pathlib import Path

import click

from contracts.policy_map import MAX_DMA_REQUESTERS, Format
from sim.cli.errors import user_errors
from sim.cli.lists import FORMATS, NameList, NumberList
from sim.fpga.bare import KINDS, circuits
from sim.outputs import check_output, write_output
from sim.paths import BUILD

__all__ = ["command"]

_NICENESS = 10
_ALL = "all"


@click.command("measure")
@click.option("--circuits", "kinds", type=NameList(KINDS), default=",".join(KINDS), show_default=True, help="What is measured.")
@click.option(
    "--requesters", "counts", type=NumberList(1, MAX_DMA_REQUESTERS), default="1,4,16", show_default=True, metavar="N,…",
    help=f"Each circuit for so many, 1 to {MAX_DMA_REQUESTERS}.",
)  # fmt: skip
@click.option(
    "--formats", type=NameList((*FORMATS, _ALL)), default=",".join((*FORMATS, _ALL)), show_default=True,
    help="The guard with each of these formats of the map alone, or with all; a bus's guard with the first.",
)  # fmt: skip
@click.option(
    "--cached-words", type=int, default=1, show_default=True, metavar="W", help="Map words kept for each requester: a power of two."
)
@click.option("--clock", is_flag=True, help="Place and route too, and say the MHz.")
@click.option("--seeds", type=click.IntRange(min=1), default=8, show_default=True, help="How many times each is placed: seeds 1 to N.")
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), default=BUILD / "measure.json", help="build/measure.json if not given."
)
def command(kinds: list[str], counts: list[int], formats: list[str], cached_words: int, clock: bool, seeds: int, output: Path) -> None:
    """Measure the DMA guard by itself on an ECP5: look-up tables, flip-flops, block RAMs, and with --clock MHz.

    guard: with its registers, without a bus; merge: what makes one stream of the requesters' where there is no guard; axi4 and wishbone:
    as exported, registers and trusted port too. Each stands among flip-flops, which do not count. All seeds are told, and none is chosen.
    """
    from chipset.export.settings import GuardSettings
    from sim.fpga.fast_mapping import TARGET_MHZ
    from sim.fpga.measure import CHIP, area_of, clocks_of, tool_versions
    from sim.fpga.toolchain import ECP5, YOSYS
    from sim.fpga.tools import ToolFailed, require

    with user_errors(ValueError):
        for count in counts:
            GuardSettings(count, cached_words=cached_words)  # the limits of all that is measured
    maps = [(FORMATS[name],) if name in FORMATS else tuple(Format) for name in formats]
    wanted = list(circuits(kinds, counts, maps, cached_words))
    check_output(output, make_folder=True)
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
                    "target": TARGET_MHZ, "seeds_reaching_target": reached.reaching,
                }  # fmt: skip
                each = " ".join(f"{mhz:.1f}" for mhz in reached.by_seed.values())
                said += (
                    f"; MHz: lowest {reached.lowest:.1f}, median {reached.median:.1f}, best {reached.best:.1f}, "
                    f"{reached.reaching} of {seeds} seeds reach {TARGET_MHZ}: {each}"
                )
            click.echo(said)
            entries.append(entry)
    write_output(output, json.dumps({"chip": CHIP, "tools": tool_versions(), "circuits": entries}, indent=2) + "\n")
    click.echo(f"written to {output}")
