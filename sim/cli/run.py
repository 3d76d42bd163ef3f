"""``ringfence run``: a multiboot program on the simulated machine, or guests above the isolation kernel."""

import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from contracts.sealed_storage import StorageError
from sim.cli.asked import by_guest
from sim.cli.errors import fail, user_errors
from sim.cli.run_options import Options, run_options
from sim.machine import DEFAULT_MEMORY, Ending, Machine, Outcome
from sim.multiboot import ImageError, MultibootImage, read_multiboot

if TYPE_CHECKING:
    from sim.display.live import Live
    from sim.launch.hand_over import HandOver

__all__ = ["command"]


@click.command("run")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@run_options
def command(file: Path | None, options: Options) -> None:
    """Boot FILE, a 32-bit multiboot ELF, on the simulated machine.

    COM1 and port E9h go to standard output. The exit status is (v << 1) | 1 for a byte v that the program writes to port F4h, as QEMU's
    isa-debug-exit gives it; 124 at the cycle limit; 130 after Ctrl-C; 3 if the machine was reset or can do nothing more.
    """
    options.check_usage(file)
    try:
        sys.exit(_run_guests(options) if file is None else _run_native(file, options))
    except KeyboardInterrupt:  # before there is a machine
        ending = Ending.INTERRUPTED
        print(f"ringfence: {ending.value}", file=sys.stderr)
        options.write_report({"why": ending.value, "exit_status": ending.status, "cycles": 0, "instructions": 0})
        sys.exit(ending.status)


def _say(_name: str, data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _warn(images: Iterable[MultibootImage]) -> None:
    for image in images:
        for warning in image.warnings:
            print(f"ringfence: {image.path}: {warning}", file=sys.stderr)


def _run_native(path: Path, options: Options) -> int:
    options.check([path])
    with user_errors(ImageError):
        image = read_multiboot(path, options.memory or DEFAULT_MEMORY)
    _warn([image])
    with options.live() as live, options.machine() as machine:
        start = time.process_time()
        try:
            machine.load_multiboot(image, options.command_line)
            machine.on_output(_say)
            each_slice = _each_slice(machine, options, live)
            outcome = machine.run(options.max_cycles, each_slice=each_slice, slice_cycles=options.slice_cycles)
        except KeyboardInterrupt:
            outcome = Outcome(Ending.INTERRUPTED, machine.cycle, machine.instructions, time.process_time() - start)
        options.finish(machine, live, outcome.ending.value)
    return _tell(image, outcome, options)


def _each_slice(machine: Machine, options: Options, live: "Live | None") -> Callable[[], None] | None:
    """What is done between two slices, if anything is."""
    work = [_tracer(machine)] if options.trace else []
    if live is not None:
        work.append(partial(live.attend, machine))
    if not work:
        return None

    def each_slice() -> None:
        for part in work:
            part()

    return each_slice


def _tracer(machine: Machine) -> Callable[[], None]:
    from sim.trace import InstructionTrace

    lines = InstructionTrace()
    machine.record()

    def each_slice() -> None:
        for line in lines.lines(machine.records()):
            print(line, file=sys.stderr)

    return each_slice


def _tell(image: MultibootImage, outcome: Outcome, options: Options) -> int:
    status = outcome.status if outcome.status is not None else outcome.ending.status
    print(
        f"ringfence: {outcome.ending.value}: exit status {status}, {outcome.cycles} cycles, {outcome.instructions} instructions, "
        f"{outcome.cycles_per_second:,.0f} cycles/s",
        file=sys.stderr,
    )
    options.write_report({
        "program": str(image.path),
        "ended": outcome.ending.name.lower(),
        "why": outcome.ending.value,
        "exit_status": status,
        "cycles": outcome.cycles,
        "instructions": outcome.instructions,
        "cycles_per_second": round(outcome.cycles_per_second),
    })  # fmt: skip
    return status


def _tell_launch(launched: "HandOver | None") -> None:
    if launched is None:
        return
    print(
        "ringfence: launched" + ("" if launched.measured else "; there is no TPM that works: nothing can unseal or attest"), file=sys.stderr
    )
    for event in launched.events:
        print(f"ringfence: PCR {event.kind.pcr:d} {event.kind.name.lower()} {event.digest.hex()}", file=sys.stderr)


def _run_guests(options: Options) -> int:
    from isolation_kernel.frames import KernelError
    from isolation_kernel.tpm import TpmError as KernelTpmError
    from sim.kernel_run import guest_programs, run_guests
    from sim.launch.hand_over import LaunchError

    memory, given = options.memory or DEFAULT_MEMORY, options.memory is not None
    options.check(options.guests)
    with user_errors(ImageError, KernelError, ValueError):
        programs = guest_programs(
            options.guests, memory, options.command_line, whole=given, disk=options.disk is not None,
            rights=by_guest(options.rights), devices=by_guest(options.devices),
        )  # fmt: skip
        for program in programs:
            program.configuration()  # what is wrong with one is told before a model is built
    _warn(program.image for program in programs)
    with options.kernel() as told, options.rooted(told) as (config, desk), options.live() as live, options.machine() as machine:
        each_slice = _each_slice(machine, options, live)
        try:
            outcome = run_guests(
                machine, programs, options.max_cycles, each_slice, options.slice_cycles if each_slice else None, config,
                options.late_launch, options.new_store, desk,
            )  # fmt: skip
        except (KernelError, LaunchError, StorageError, KernelTpmError) as error:
            if options.new_store and options.store is not None:
                options.store.unlink(missing_ok=True)  # nobody has sealed anything there
            fail(str(error))
        options.finish(machine, live, outcome.why)
    _tell_launch(outcome.launched)
    for guest in outcome.guests:
        end = f"{guest.end_reason}, status {guest.exit_status}" if guest.end_reason else guest.state.value
        print(f"ringfence: {guest.config.name}: {end}; {guest.exits} exits", file=sys.stderr)
    rate = outcome.cycles / outcome.seconds if outcome.seconds else 0
    print(f"ringfence: {outcome.why}: exit status {outcome.status}, {outcome.cycles} cycles, {rate:,.0f} cycles/s", file=sys.stderr)
    options.write_report(outcome.report())
    return outcome.status
