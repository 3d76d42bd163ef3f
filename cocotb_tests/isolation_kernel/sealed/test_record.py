"""A recorded run of a kernel that seals and quotes replays call for call, without its TPM: all randomness was the TPM's."""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cocotb_tests.isolation_kernel.governed import named
from cocotb_tests.isolation_kernel.sealed.rooted import RootedMachine, attests, seals, unseals
from cocotb_tests.isolation_kernel.sealed.stage import GENUINE, Stage
from cocotb_tests.isolation_kernel.world import LAYOUT
from contracts.attestation import Statement
from contracts.configuration import KernelConfig
from contracts.event_log import encode
from contracts.hypercalls import Hypercall
from contracts.report import Step
from contracts.sealed_storage import Disk
from isolation_kernel.kernel import Kernel
from isolation_kernel.model.recorder import RecordingMachine, replay
from isolation_kernel.model.script import Script, Vmmcall
from sim.disk.sector_file import SectorFile

__all__: list[str] = []

VAULT = named("vault")


def works() -> Script:
    found: list[object] = []
    yield from seals(found)
    yield from unseals(found)
    yield from attests(found)
    yield Vmmcall(Hypercall.SHUTDOWN, len(found))


def told(disk: Disk, quoted: Callable[[int, Statement], None], log: Callable[[str], None]) -> KernelConfig:
    return KernelConfig(layout=LAYOUT, tables_per_guest=64, launch_log=encode(GENUINE.events), disk=disk, quoted=quoted, log=log)


def test_a_record_replays_without_the_tpm(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(stage.disk.image)
    out, machine = io.StringIO(), RootedMachine(stage.machine)
    seen: list[list[object]] = [[], []]  # quotes and records, of the run and of its replay

    def notes(which: int, *what: object) -> None:
        seen[which].append(what)

    recorder = RecordingMachine(machine, out)
    kernel = Kernel(recorder, told(stage.disk, partial(notes, 0), partial(notes, 0)))
    recorder.note("load_guest", VAULT.name)
    machine.attach(kernel.load_guest(VAULT).vcpu.block, works)
    outcome = None
    while outcome is not Step.OVER:
        recorder.note("step")
        outcome = kernel.step()
    disk = SectorFile(tmp_path / "copy")
    replay(out.getvalue().splitlines(), told(disk, partial(notes, 1), partial(notes, 1)), lambda name: VAULT)
    disk.close()
    assert seen[0] == seen[1] and any(isinstance(what, tuple) and isinstance(what[-1], Statement) for what in seen[0])
    assert (tmp_path / "copy").read_bytes() == stage.disk.image, "it has sealed the same bytes"
    assert kernel.partitions[1].exit_status == 4
