"""``ringfence bench``: what the machine does in how many cycles, printed and written to ``build/bench.json``."""

import json
from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from contracts.hypercalls import MAX_MESSAGE
from contracts.policy_map import Format
from sim.bench.chart import Panel, chart_svg
from sim.bench.figures import Figures
from sim.bench.guard_cost import LANES_STREAMING
from sim.bench.measure import STEPS, measure
from sim.bench.programs import BenchError
from sim.cli.errors import user_errors
from sim.outputs import check_apart, check_output, write_output
from sim.paths import BUILD

__all__ = ["command"]

_UNIFORM = Format.UNIFORM.name.lower()
_CHART = "guard_random.svg"
_DEFAULT_RUNS = 200
_FEWEST_RUNS = 50  # below, the timer's interrupts are too few for a ratio


@click.command("bench")
@click.option("--runs", type=click.IntRange(min=_FEWEST_RUNS), default=_DEFAULT_RUNS, show_default=True, help="Runs of Dhrystone.")
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), default=BUILD / "bench.json", help="build/bench.json if not given."
)
def command(runs: int, output: Path) -> None:
    """Measure the machine: instructions, ring −1, the DMA guard, and the simulation itself."""
    chart = output.with_name(_CHART)
    check_apart(output, [chart])
    for path in (output, chart):
        check_output(path, make_folder=True)
    errors = Console(stderr=True)
    progress = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[cycle]:>12,} cycles"), TimeElapsedColumn(),
        console=errors, transient=True, disable=not errors.is_terminal,
    )  # fmt: skip
    task = progress.add_task("building", total=len(STEPS), cycle=0)

    def tell(step: str, cycle: int) -> None:
        progress.update(task, description=step, completed=STEPS.index(step), cycle=cycle)

    try:
        with user_errors(BenchError):
            figures = measure(runs, tell, progress.start)
    finally:
        progress.stop()
    write_output(output, json.dumps(figures.as_dict(), indent=2) + "\n")
    write_output(chart, _guard_chart(figures))
    _print(figures)
    click.echo(f"written to {output} and {chart}")


def _guard_chart(figures: Figures) -> str:
    panels = [Panel(f"map {name.replace('_', ' ')}", lines) for name, lines in figures.guard_random_ratio.items()]
    return chart_svg(
        "DMA throughput through the guard over that through wires: four requesters, random accesses of 64 bytes to a range of addresses",
        "map words kept for each requester:", [size << 20 for size in figures.guard_random_range_mib], panels,
    )  # fmt: skip


def _by_part(cost: Mapping[str, float]) -> tuple[str, str]:
    """Cycles, and whose they are, with transactions."""
    parts = (f"{part} {cost[part]:,.0f}" for part in ("processor", "kernel"))
    devices = (f"{name} {cost[part]:,.0f} ({cost[f'{part}_transactions']:,.0f})" for name, part in (("bus", "bus"), ("TPM", "tpm")))
    return f"{cost['cycles']:,.0f}", f"cycles: {', '.join((*parts, *devices))}"


def _print(figures: Figures) -> None:
    channel = figures.channel
    table = Table("measure", "value", "", title="Ringfence, measured")
    table.columns[1].justify = "right"
    exits = ", ".join(f"{count} {name}" for name, count in sorted(figures.guest_exits.items()))
    streams = ", ".join(f"{kind} {ratio:.4f}" for kind, ratio in figures.guard_streaming[_UNIFORM].items())
    random = figures.guard_random_ratio[_UNIFORM][str(max(LANES_STREAMING))]
    rows = (
        ("cycles per instruction (Dhrystone)", f"{figures.cpi:.2f}", f"{figures.native_instructions_per_run:.0f} instructions a run"),
        ("Dhrystone 2.1", f"{figures.dhrystone_dmips_per_mhz:.4f}", "DMIPS/MHz"),
        ("guest over native", f"{figures.guest_to_native_ratio:.4f}", f"cycles; {exits or 'no exits'}"),
        ("  without the kernel's declared cycles", f"{figures.guest_to_native_ratio_without_kernel:.4f}",
         f"{figures.kernel_cycles_per_exit} cycles a command stand for the kernel, which runs in Python"),
        ("  and without the host link's", f"{figures.guest_to_native_ratio_without_kernel_and_link:.4f}", ""),
        ("VMRUN to #VMEXIT and back", f"{figures.vmrun_round_trip_cycles:.0f}", "cycles"),
        ("  with VMLOAD and VMSAVE", f"{figures.vmrun_round_trip_with_state_cycles:.0f}", "cycles"),
        ("DMA throughput, policy on over off", f"{figures.dma_throughput_ratio:.4f}",
         f"{figures.dma_bytes_per_cycle_checked:.3f} and {figures.dma_bytes_per_cycle_open:.3f} bytes a cycle"),
        ("SKINIT to a guest's first instruction", f"{figures.late_launch_cycles:,}",
         "cycles: " + ", ".join(f"{name} {cycles:,}" for name, cycles in figures.late_launch_parts.items())),
        *((f"{call}, asked and answered", *_by_part(cost)) for call, cost in figures.sealed_calls.items()),
        ("message of 4 bytes, there and back", *_by_part(channel.round_trip_short)),
        (f"  of {MAX_MESSAGE:,} bytes", *_by_part(channel.round_trip_long)),
        ("bytes through a channel over a copy loop's", f"{channel.ratio_to_copy:.2f}",
         f"{channel.messages_per_million_cycles:.1f} messages of {MAX_MESSAGE:,} bytes in a million cycles, "
         f"{channel.bytes_per_cycle:.3f} bytes a cycle"),
        ("  through the shared page", f"{channel.page_ratio_to_copy:.2f}",
         f"{channel.page_bytes_per_cycle:.3f} bytes a cycle; the copy loop in one guest: {channel.copy_bytes_per_cycle:.3f}"),
        ("DMA throughput, guard over wires", f"{figures.guard_streaming_ratio:.4f}", f"the least; uniform map: {streams}"),
        (f"  random accesses in {figures.guard_random_range_mib[-1]} MiB", f"{random[-1]:.4f}",
         f"uniform map; {random[0]:.4f} in {figures.guard_random_range_mib[0]} MiB; {_CHART} has all"),
        ("simulated cycles", f"{figures.simulated_cycles_per_second:,}", "a CPU-second"),
        ("  of the reference circuit", f"{figures.reference_cycles_per_second:,}",
         f"a CPU-second; the machine's over it: {figures.speed_against_reference:.3f}"),
    )  # fmt: skip
    for row in rows:
        table.add_row(*row)
    Console(width=None if Console().is_terminal else 140).print(table)
