"""What ``ringfence run`` is told beside its program, and the machine, store, TPM and screen that this makes."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import reduce, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from contracts.boot import multiboot_info
from contracts.configuration import KernelConfig
from contracts.devices import DeviceNumber
from contracts.rights import Right
from contracts.sealed_storage import StorageError
from contracts.user_view import COLUMN_WIDTHS
from sim.cli.asked import DEVICE, RIGHT
from sim.cli.errors import fail, user_errors
from sim.cli.sizes import MEMORY_SIZE
from sim.disk import DiskError, disk_arguments
from sim.display.screen import NoPicture
from sim.machine import DEFAULT_MEMORY, SLICE_CYCLES, Machine, MachineConfig
from sim.outputs import OutputError, check_apart, check_output, write_output
from sim.paths import BUILD
from sim.tpm.bridge import TpmBridge
from sim.tpm.swtpm import Swtpm, TpmError

if TYPE_CHECKING:
    from sim.attestation.desk import Desk
    from sim.display.live import Live

__all__ = ["Options", "run_options"]

_TRACE_SLICE = 20_000
_DISPLAY_SLICE = 50_000
_WAVES = BUILD / "run" / "waves.fst"
_SHOWN = range(ord(" "), ord("~") + 1)  # of a phrase

_DECLARED = (
    click.option(
        "--guest", "guests", type=click.Path(path_type=Path), multiple=True, help="Run it above the isolation kernel; may be repeated."
    ),
    click.option("--waves", is_flag=True, help="Draw waveforms of the whole run (slow), into build/run/waves.fst."),
    click.option("--max-cycles", type=click.IntRange(min=1), help="End after so many cycles, with exit status 124."),
    click.option("--trace", is_flag=True, help="Print one line for each retired instruction, on standard error."),
    click.option(
        "--memory",
        type=MEMORY_SIZE,
        help="Size of RAM: 32M unless said otherwise. Guests share what the kernel leaves of it; without this option each gets 4M at most.",
    ),
    click.option("--report", type=click.Path(path_type=Path), help="Write what happened there, as JSON."),
    click.option("--disk", type=click.Path(path_type=Path), help="Image of the IDE drive, written in place; the first guest's."),
    click.option("--policy", type=click.Path(path_type=Path), help="What guests may (see ringfence policy); else what they always might."),
    click.option("--audit", type=click.Path(path_type=Path), help="Write the kernel's decisions there (see ringfence audit)."),
    click.option("--tpm", type=click.Path(path_type=Path), help="A TPM 2.0 (swtpm) on the machine; its state is kept in that folder."),
    click.option(
        "--launch", "late_launch", is_flag=True, help="Start the isolation kernel by a late launch: SKINIT, and the secure loader."
    ),
    click.option(
        "--right", "rights", type=RIGHT, multiple=True, help="What guest N asks for, in place of the usual rights; may be repeated."
    ),
    click.option(
        "--device", "devices", type=DEVICE, multiple=True, help="Whose a device is; else DMA0, DMA1 and the disk are the first guest's."
    ),
    click.option("--store", type=click.Path(path_type=Path), help="Image of the disk on which guests' sealed data lie."),
    click.option("--new-store", is_flag=True, help="Make an empty store there first; what this TPM kept before is lost."),
    click.option("--attest", type=click.Path(path_type=Path), help="A Unix socket where ringfence attest may ask guests for quotes."),
    click.option(
        "--phrase",
        type=click.Path(path_type=Path),
        help="A file with the owner's secret phrase, for the trusted line; kept in the --store.",
    ),
    click.option("--display", is_flag=True, help="Show the screen in a web page on this computer, and take keys and the mouse from there."),
    click.option("--display-port", type=click.IntRange(1, 65535), help="Serve that page there; else on a free port."),
    click.option("--screenshot", type=click.Path(path_type=Path), help="Write what the screen shows at the end there, as PNG."),
    click.option("--append", "command_line", default="", help="The program's command line."),
)


@dataclass(frozen=True)
class Options:
    """What the command line says beside FILE, a field for each option, and what that makes."""

    guests: tuple[Path, ...]
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

    def check_usage(self, file: Path | None) -> None:
        """Options that want each other, or that do not go together."""
        if self.guests and file is not None:
            fail("give either FILE or --guest, not both")
        if not self.guests and (self.policy is not None or self.audit is not None or self.late_launch or self.phrase is not None):
            fail("--policy, --audit, --launch and --phrase are for --guest")
        if not self.guests and (self.rights or self.devices):
            fail("--right and --device are for --guest")
        if (self.store is not None or self.attest is not None) and (self.tpm is None or not self.late_launch):
            fail("--store and --attest need --launch and --tpm: both rest on what the TPM knows of the launch")
        if self.new_store and self.store is None:
            fail("--new-store: where? (--store FILE)")
        if self.store is not None and self.new_store and self.store.exists():
            fail(f"--new-store: {self.store} is there already: remove it, or leave --new-store out")
        if self.store is not None and not self.new_store and not self.store.exists():
            fail(f"--store: {self.store} is not there (--new-store makes one)")
        if self.display_port is not None and not self.display:
            fail("--display-port is for --display")
        if not self.guests and file is None:
            fail("which FILE? (see ringfence run --help)")

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


def run_options(command: Callable[[Path | None, Options], None]) -> Callable[..., None]:
    """Declares them for ``command``, which gets FILE and ``Options``."""

    @wraps(command)
    def told(file: Path | None, **said: Any) -> None:
        command(file, Options(**said))

    return reduce(lambda decorated, declare: declare(decorated), reversed(_DECLARED), told)
