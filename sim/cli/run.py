"""``ringfence run``: a multiboot program on the simulated machine."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from contracts.boot import multiboot_info
from contracts.configuration import KernelConfig
from contracts.devices import DeviceNumber
from contracts.rights import Right
from contracts.sealed_storage import StorageError
from contracts.user_view import COLUMN_WIDTHS
from sim.cli.asked import DEVICE, RIGHT, by_guest
from sim.cli.errors import fail, user_errors
from sim.cli.sizes import MEMORY_SIZE
from sim.disk import DiskError, disk_arguments
from sim.display.screen import NoPicture
from sim.machine import DEFAULT_MEMORY, SLICE_CYCLES, Ending, Machine, MachineConfig, Outcome
from sim.multiboot import ImageError, MultibootImage, read_multiboot
from sim.outputs import OutputError, check_apart, check_output, write_output
from sim.paths import BUILD
from sim.tpm.bridge import TpmBridge
from sim.tpm.swtpm import Swtpm, TpmError

if TYPE_CHECKING:
    from sim.attestation.desk import Desk
    from sim.display.live import Live
    from sim.launch.hand_over import HandOver

__all__ = ["command"]

_TRACE_SLICE = 20_000
_DISPLAY_SLICE = 50_000
_WAVES = BUILD / "run" / "waves.fst"
_SHOWN = range(ord(" "), ord("~") + 1)  # of a phrase


@dataclass(frozen=True)
class _Options:
    """What the command line says beside the programs."""

    waves: bool
    max_cycles: int | None
    trace: bool
    memory: int | None
    report: Path | None
    disk: Path | None
    command_line: str
    policy: Path | None
    audit: Path | None
    tpm: Path | None
    late_launch: bool
    rights: tuple[tuple[int, Right], ...]
    devices: tuple[tuple[int, DeviceNumber], ...]
    store: Path | None
    new_store: bool
    attest: Path | None
    phrase: Path | None
    display: bool
    display_port: int | None
    screenshot: Path | None

    def check(self, programs: Sequence[Path]) -> None:
        """What can be told before a model is built: the command line, and all files that are going to be written."""
        try:
            multiboot_info(self.memory or DEFAULT_MEMORY, self.command_line)
        except ValueError as error:
            fail(f"--append: {error}")
        disk = [self.disk] if self.disk is not None else []
        waves = [_WAVES] if self.waves else []
        with user_errors(DiskError, OutputError):
            for path in disk:
                disk_arguments(path)
            for path in waves:
                check_apart(path, [*programs, *disk])
                check_output(path, make_folder=True)
            stores = [self.store] if self.store is not None else []
            for path in stores:
                check_apart(path, [*programs, *disk, *waves])
                check_output(path)
            others = [*programs, *disk, *waves, *stores, *([self.policy] if self.policy is not None else [])]
            for written in (self.report, self.audit, self.screenshot):
                if written is not None:
                    check_apart(written, others)
                    check_output(written)
                    others.append(written)

    @property
    def slice_cycles(self) -> int:
        """Cycles between two looks at consoles, records and the user's hands."""
        return _TRACE_SLICE if self.trace else _DISPLAY_SLICE if self.display else SLICE_CYCLES

    @contextmanager
    def live(self) -> Iterator["Live | None"]:
        """Where the screen is shown, if it is to be."""
        if not self.display:
            yield None
            return
        from sim.display.live import Live
        from sim.display.server import ServerError, serve

        live = Live()
        with ExitStack() as stack:
            with user_errors(ServerError):
                url = stack.enter_context(serve(live, self.display_port or 0))
            print(f"ringfence: the screen is at {url}", file=sys.stderr, flush=True)
            yield live

    def finish(self, machine: Machine, live: "Live | None", why: str) -> None:
        """What is to be seen at the end of a run."""
        if live is not None:
            live.finish(machine, why)
        if self.screenshot is not None:
            with user_errors(NoPicture):
                write_output(self.screenshot, machine.screen().png())

    @contextmanager
    def machine(self) -> Iterator[Machine]:
        """The machine, drawing waves if asked; they are closed however the run ends."""
        config = MachineConfig(memory=self.memory or DEFAULT_MEMORY)
        with self._bridge() as tpm, Machine(config, trace="fst" if self.waves else "none", disk=self.disk, tpm=tpm) as machine:
            if self.display:
                machine.stall_limit = None  # it may wait for a key
            if not self.waves:
                yield machine
                return
            machine.trace_start(_WAVES)
            try:
                yield machine
            finally:
                machine.trace_stop()
                print(f"ringfence: waves in {_WAVES}", file=sys.stderr)

    @contextmanager
    def _bridge(self) -> Iterator[TpmBridge | None]:
        """To the TPM, if there is one; what has become of it is told."""
        if self.tpm is None:
            yield None
            return
        try:
            tpm = Swtpm(self.tpm)
        except (TpmError, OSError) as error:
            fail(f"--tpm {self.tpm}: {error}")
        with tpm:
            bridge = TpmBridge(tpm)
            yield bridge
            if bridge.failure:
                print(f"ringfence: {bridge.failure}", file=sys.stderr)

    @contextmanager
    def kernel(self) -> Iterator[KernelConfig]:
        """What the kernel is told, by the policy file if there is one; its decisions are written while it runs, if asked."""
        from sim.policy.audit_file import AuditWriter
        from sim.policy.policy_file import PolicyError, read_policy

        try:
            config = KernelConfig() if self.policy is None else KernelConfig(policy=read_policy(self.policy).policy)
        except PolicyError as error:
            fail(error.brief)
        if self.phrase is not None:
            config = replace(config, phrase=_phrase(self.phrase))
        if self.audit is None:
            yield config
            return
        writer = AuditWriter(self.audit)
        try:
            yield replace(config, log=writer)
        finally:
            writer.close()
            print(f"ringfence: {writer.count} decisions in {self.audit}, head {writer.head}", file=sys.stderr)

    def check_rooted(self) -> None:
        """What needs a launch and a TPM has them; a store is there, or is to be made where nothing is."""
        if (self.store is not None or self.attest is not None) and (self.tpm is None or not self.late_launch):
            fail("--store and --attest need --launch and --tpm: both rest on what the TPM knows of the launch")
        if self.new_store and self.store is None:
            fail("--new-store: where? (--store FILE)")
        if self.store is not None and self.new_store and self.store.exists():
            fail(f"--new-store: {self.store} is there already: remove it, or leave --new-store out")
        if self.store is not None and not self.new_store and not self.store.exists():
            fail(f"--store: {self.store} is not there (--new-store makes one)")

    @contextmanager
    def rooted(self, config: KernelConfig) -> Iterator[tuple[KernelConfig, "Desk | None"]]:
        """With the disk of sealed storage, and where questions for quotes come in, as far as they are wanted."""
        from sim.attestation.desk import Desk, DeskError
        from sim.disk.sector_file import SectorFile

        with ExitStack() as stack:
            desk = None
            if self.store is not None:
                with user_errors(StorageError):
                    disk = SectorFile(self.store)
                stack.callback(disk.close)
                config = replace(config, disk=disk)
            if self.attest is not None:
                with user_errors(DeskError):
                    desk = Desk(self.attest)
                stack.callback(desk.close)
                config = replace(config, quoted=desk.quoted)
            yield config, desk

    def write_report(self, content: dict[str, object]) -> None:
        """If one is wanted."""
        if self.report is not None:
            write_output(self.report, json.dumps(content | {"waves": str(_WAVES) if self.waves else None}, indent=2) + "\n")


def _phrase(path: Path) -> bytes:
    """The owner's secret phrase: what the file holds, as the trusted line can show it."""
    with user_errors(OSError):
        text = path.read_bytes().strip()
    if not 0 < len(text) < COLUMN_WIDTHS[-1] or not all(byte in _SHOWN for byte in text):
        fail(f"--phrase: {path} must hold 1 to {COLUMN_WIDTHS[-1] - 1} printable ASCII characters")
    return text


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
@click.option("--report", type=click.Path(path_type=Path), help="Write what happened there, as JSON.")
@click.option("--disk", type=click.Path(path_type=Path), help="Image of the IDE drive, written in place; the first guest's.")
@click.option("--policy", type=click.Path(path_type=Path), help="What guests may (see ringfence policy); else what they always might.")
@click.option("--audit", type=click.Path(path_type=Path), help="Write the kernel's decisions there (see ringfence audit).")
@click.option("--tpm", type=click.Path(path_type=Path), help="A TPM 2.0 (swtpm) on the machine; its state is kept in that folder.")
@click.option("--launch", "late_launch", is_flag=True, help="Start the isolation kernel by a late launch: SKINIT, and the secure loader.")
@click.option("--right", "rights", type=RIGHT, multiple=True, help="What guest N asks for, in place of the usual rights; may be repeated.")
@click.option(
    "--device", "devices", type=DEVICE, multiple=True, help="Whose a device is; else DMA0, DMA1 and the disk are the first guest's."
)
@click.option("--store", type=click.Path(path_type=Path), help="Image of the disk on which guests' sealed data lie.")
@click.option("--new-store", is_flag=True, help="Make an empty store there first; what this TPM kept before is lost.")
@click.option("--attest", type=click.Path(path_type=Path), help="A Unix socket where ringfence attest may ask guests for quotes.")
@click.option(
    "--phrase", type=click.Path(path_type=Path), help="A file with the owner's secret phrase, for the trusted line; kept in the --store."
)
@click.option("--display", is_flag=True, help="Show the screen in a web page on this computer, and take keys and the mouse from there.")
@click.option("--display-port", type=click.IntRange(1, 65535), help="Serve that page there; else on a free port.")
@click.option("--screenshot", type=click.Path(path_type=Path), help="Write what the screen shows at the end there, as PNG.")
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
    policy: Path | None,
    audit: Path | None,
    tpm: Path | None,
    late_launch: bool,
    rights: tuple[tuple[int, Right], ...],
    devices: tuple[tuple[int, DeviceNumber], ...],
    store: Path | None,
    new_store: bool,
    attest: Path | None,
    phrase: Path | None,
    display: bool,
    display_port: int | None,
    screenshot: Path | None,
    command_line: str,
) -> None:
    """Boot FILE, a 32-bit multiboot ELF, on the simulated machine.

    COM1 and port E9h go to standard output. The exit status is (v << 1) | 1 for a byte v that the program writes to port F4h, as QEMU's
    isa-debug-exit gives it; 124 at the cycle limit; 130 after Ctrl-C; 3 if the machine was reset or can do nothing more.
    """
    options = _Options(
        waves, max_cycles, trace, memory, report, disk, command_line, policy, audit, tpm, late_launch, rights, devices, store, new_store,
        attest, phrase, display, display_port, screenshot,
    )  # fmt: skip
    if guests and file is not None:
        fail("give either FILE or --guest, not both")
    if not guests and (policy is not None or audit is not None or late_launch or phrase is not None):
        fail("--policy, --audit, --launch and --phrase are for --guest")
    if not guests and (rights or devices):
        fail("--right and --device are for --guest")
    options.check_rooted()
    if display_port is not None and not display:
        fail("--display-port is for --display")
    if not guests and file is None:
        fail("which FILE? (see ringfence run --help)")
    try:
        sys.exit(_run_guests(guests, options) if file is None else _run_native(file, options))
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


def _run_native(path: Path, options: _Options) -> int:
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


def _each_slice(machine: Machine, options: _Options, live: "Live | None") -> Callable[[], None] | None:
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


def _tell(image: MultibootImage, outcome: Outcome, options: _Options) -> int:
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


def _run_guests(paths: tuple[Path, ...], options: _Options) -> int:
    from isolation_kernel.frames import KernelError
    from isolation_kernel.tpm import TpmError as KernelTpmError
    from sim.kernel_run import guest_programs, run_guests
    from sim.launch.hand_over import LaunchError

    memory, given = options.memory or DEFAULT_MEMORY, options.memory is not None
    options.check(paths)
    with user_errors(ImageError, KernelError, ValueError):
        programs = guest_programs(
            paths, memory, options.command_line, whole=given, disk=options.disk is not None,
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
