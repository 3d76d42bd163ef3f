"""``ringfence run``: a multiboot program on the simulated machine."""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click

from sim.cli.errors import fail, user_errors
from sim.cli.sizes import MEMORY_SIZE
from sim.disk import DiskError, disk_arguments
from sim.machine import DEFAULT_MEMORY, SLICE_CYCLES, Ending, Machine, MachineConfig, Outcome
from sim.multiboot import ImageError, MultibootImage, read_multiboot
from sim.paths import BUILD

__all__ = ["command"]

_TRACE_SLICE = 20_000
_LIMIT_STATUS = 124  # as timeout(1) has it
_RESET_STATUS = 3


@click.command("run")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--guest", "guests", type=click.Path(path_type=Path), multiple=True, help="Run it above the isolation kernel; may be repeated."
)
@click.option("--waves", is_flag=True, help="Draw waveforms of the whole run (slow), into build/run/waves.fst.")
@click.option("--max-cycles", type=click.IntRange(min=1), help="End after so many cycles, with exit status 124.")
@click.option("--trace", is_flag=True, help="Print one line for each retired instruction, on standard error.")
@click.option(
    "--memory",
    type=MEMORY_SIZE,
    help="Size of RAM: 32M unless said otherwise. Guests share what the kernel leaves of it; without this option they get 4M each at most.",
)
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write what happened there, as JSON.")
@click.option("--disk", type=click.Path(path_type=Path), help="Image of the IDE drive, written in place; the first guest's.")
@click.option("--append", "command_line", default="", help="The program's command line.")
def command(
    file: Path | None,
    guests: tuple[Path, ...],
    waves: bool,
    max_cycles: int | None,
    trace: bool,
    memory: int | None,
    report: Path | None,
    disk: Path | None,
    command_line: str,
) -> None:
    """Boot FILE, a 32-bit multiboot ELF, on the simulated machine.

    COM1 and port E9h go to standard output. The exit status is (v << 1) | 1 for a byte v that the program writes to port F4h, as QEMU's
    isa-debug-exit gives it; 124 at the cycle limit; 3 if the machine was reset or can do nothing more.
    """
    if guests:
        if file is not None:
            fail("give either FILE or --guest, not both")
        sys.exit(_run_guests(guests, waves, max_cycles, trace, memory, report, command_line, disk))
    if file is None:
        fail("which FILE? (see ringfence run --help)")
    memory = memory or DEFAULT_MEMORY
    with user_errors(ImageError):
        image = read_multiboot(file, memory)
    status = _run_native(image, waves, max_cycles, trace, memory, report, command_line, disk)
    sys.exit(status)


def _say(_name: str, data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _check_disk(disk: Path | None) -> None:
    """Before a model is built."""
    if disk is not None:
        with user_errors(DiskError):
            disk_arguments(disk)


def _run_native(
    image: MultibootImage, waves: bool, max_cycles: int | None, trace: bool, memory: int, report: Path | None, command_line: str,
    disk: Path | None,
) -> int:  # fmt: skip
    _check_disk(disk)
    with Machine(MachineConfig(memory=memory), trace="fst" if waves else "none", disk=disk) as machine:
        with user_errors(ValueError):
            machine.load_multiboot(image, command_line)
        machine.on_output(_say)
        waves_path = BUILD / "run" / "waves.fst"
        if waves:
            machine.trace_start(waves_path)
        each_slice: Callable[[], None] | None = _tracer(machine) if trace else None
        with suppress(KeyboardInterrupt):
            outcome = machine.run(max_cycles, each_slice=each_slice, slice_cycles=_TRACE_SLICE if trace else SLICE_CYCLES)
            if waves:
                machine.trace_stop()
            return _tell(image, outcome, report, waves_path if waves else None)
    print("ringfence: interrupted", file=sys.stderr)
    return 130


def _tracer(machine: Machine) -> Callable[[], None]:
    from sim.trace import InstructionTrace

    lines = InstructionTrace()
    machine.record()

    def each_slice() -> None:
        for line in lines.lines(machine.records()):
            print(line, file=sys.stderr)

    return each_slice


def _exit_status(outcome: Outcome) -> int:
    if outcome.status is not None:
        return outcome.status
    return _LIMIT_STATUS if outcome.ending is Ending.LIMIT else _RESET_STATUS


def _tell(image: MultibootImage, outcome: Outcome, report: Path | None, waves: Path | None) -> int:
    status = _exit_status(outcome)
    print(
        f"ringfence: {outcome.ending.value}: exit status {status}, {outcome.cycles} cycles, {outcome.instructions} instructions, "
        f"{outcome.cycles_per_second:,.0f} cycles/s",
        file=sys.stderr,
    )
    if waves:
        print(f"ringfence: waves in {waves}", file=sys.stderr)
    if report:
        _write_report(report, {
            "program": str(image.path),
            "ended": outcome.ending.name.lower(),
            "why": outcome.ending.value,
            "exit_status": status,
            "cycles": outcome.cycles,
            "instructions": outcome.instructions,
            "cycles_per_second": round(outcome.cycles_per_second),
            "waves": str(waves) if waves else None,
        })  # fmt: skip
    return status


def _write_report(path: Path, content: dict[str, object]) -> None:
    try:
        path.write_text(json.dumps(content, indent=2) + "\n")
    except OSError as error:
        fail(f"{path}: {error.strerror}")


def _run_guests(
    paths: tuple[Path, ...], waves: bool, max_cycles: int | None, trace: bool, memory: int | None, report: Path | None, command_line: str,
    disk: Path | None,
) -> int:  # fmt: skip
    from isolation_kernel.frames import KernelError
    from sim.kernel_run import guest_programs, run_guests

    with user_errors(ImageError, KernelError, ValueError):
        programs = guest_programs(paths, memory or DEFAULT_MEMORY, command_line, whole=memory is not None, disk=disk is not None)
    _check_disk(disk)
    waves_path = BUILD / "run" / "waves.fst"
    config = MachineConfig(memory=memory or DEFAULT_MEMORY)
    with Machine(config, trace="fst" if waves else "none", disk=disk) as machine, suppress(KeyboardInterrupt):
        if waves:
            machine.trace_start(waves_path)
        tracer = _tracer(machine) if trace else None
        with user_errors(KernelError):
            outcome = run_guests(machine, programs, max_cycles, tracer, _TRACE_SLICE if trace else None)
        if waves:
            machine.trace_stop()
            print(f"ringfence: waves in {waves_path}", file=sys.stderr)
        for guest in outcome.guests:
            end = f"{guest.end_reason}, status {guest.exit_status}" if guest.end_reason else guest.state.value
            print(f"ringfence: {guest.config.name}: {end}; {guest.exits} exits", file=sys.stderr)
        rate = outcome.cycles / outcome.seconds
        print(f"ringfence: {outcome.why}: exit status {outcome.status}, {outcome.cycles} cycles, {rate:,.0f} cycles/s", file=sys.stderr)
        if report:
            _write_report(report, outcome.report() | {"waves": str(waves_path) if waves else None})
        return outcome.status
    print("ringfence: interrupted", file=sys.stderr)
    return 130
