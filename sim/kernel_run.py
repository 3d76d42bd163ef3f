"""``ringfence run --guest``: programs above the isolation kernel instead of on the bare machine."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts.configuration import KernelConfig, Right
from contracts.devices import DeviceNumber
from contracts.exit_codes import exit_name
from contracts.memory_map import RamLayout
from contracts.report import Step
from isolation_kernel.frames import KernelError
from isolation_kernel.partition import Partition
from sim.attestation.desk import Desk
from sim.guest_console import GuestConsole
from sim.guests import GuestProgram, GuestSystem, share_memory
from sim.kernel_time import KernelTime
from sim.launch.hand_over import HandOver
from sim.link import MachineEnded
from sim.machine import Ending, Machine
from sim.multiboot import ImageError

__all__ = ["GUEST_MEMORY", "GuestsOutcome", "guest_programs", "run_guests"]

GUEST_MEMORY = 4 << 20  # all of it is cleared over the link when a guest ends: 0.3 million cycles a MiB
_FIRST_GUESTS_DEVICES = frozenset({DeviceNumber.DMA0, DeviceNumber.DMA1})
_ASKED_FOR = frozenset({Right.MESSAGES, Right.SEAL, Right.UNSEAL, Right.ATTEST})


@dataclass(frozen=True)
class GuestsOutcome:
    """``status`` for the shell: (v << 1) | 1 for the first status v that is not 0 (in the order of the guests), 1 if all are 0."""

    why: str
    status: int
    cycles: int
    instructions: int
    seconds: float
    guests: tuple[Partition, ...]
    exits: dict[str, int]
    kernel_time: KernelTime = KernelTime()
    launched: HandOver | None = None

    def report(self) -> dict[str, object]:
        """For ``--report``."""
        return {
            "guests": [
                {"name": p.config.name, "ended": p.end_reason or None, "exit_status": p.exit_status, "exits": p.exits, "cycles": p.cycles}
                for p in self.guests
            ],
            "why": self.why, "exit_status": self.status, "cycles": self.cycles, "instructions": self.instructions,
            "cycles_per_second": round(self.cycles / self.seconds) if self.seconds else 0, "exits": self.exits,
            "kernel_time": self.kernel_time.report(), "launch": None if self.launched is None else self.launched.report(),
        }  # fmt: skip


def guest_programs(
    paths: Sequence[Path],
    memory: int,
    command_line: str = "",
    whole: bool = True,
    disk: bool = False,
    rights: Mapping[int, frozenset[Right]] | None = None,
    devices: Mapping[int, frozenset[DeviceNumber]] | None = None,
) -> list[GuestProgram]:
    """The guests for RAM of ``memory`` bytes: equal shares, the first mapped one to one and with the DMA engines, and the disk if there is
    one. Unless they shall have the ``whole`` of it, guests get no more than GUEST_MEMORY each, but for an image that needs more. What
    guests ask for, by their numbers from 1 on: ``rights``, if not messages alone, and ``devices``, if these are not the first guest's.
    ImageError if one cannot run, KernelError if the machine is too small, ValueError for the number of no guest."""
    rights = rights or {}
    for number in (*rights, *(devices or ())):
        if number > len(paths):
            raise ValueError(f"there is no guest {number}: --guest is given {len(paths)} times")
    layout = RamLayout(memory)
    each = share_memory(len(paths), layout) if memory > layout.kernel_size else 0
    if not each:
        raise KernelError(f"{memory >> 20} MiB of memory are too few for the kernel and {len(paths)} guests")
    small = each if whole else min(each, GUEST_MEMORY)
    devices = devices or {1: _FIRST_GUESTS_DEVICES | ({DeviceNumber.IDE} if disk else frozenset())}
    names = [p.stem if [q.stem for q in paths].count(p.stem) == 1 else f"{p.stem}.{n}" for n, p in enumerate(paths, 1)]
    return [
        _load(
            path, small, each, name, command_line=command_line, one_to_one=n == 1, devices=devices.get(n, frozenset()),
            rights=rights.get(n, _ASKED_FOR),
        )
        for n, (path, name) in enumerate(zip(paths, names, strict=True), 1)
    ]  # fmt: skip


def _load(path: Path, small: int, large: int, name: str, **options: object) -> GuestProgram:
    try:
        return GuestProgram.load(path, small, name, **options)
    except ImageError:
        return GuestProgram.load(path, large, name, **options)


def run_guests(
    machine: Machine,
    programs: Sequence[GuestProgram],
    max_cycles: int | None = None,
    each_slice: Callable[[], None] | None = None,
    slice_cycles: int | None = None,
    config: KernelConfig | None = None,
    late_launch: bool = False,
    new_store: bool = False,
    desk: Desk | None = None,
) -> GuestsOutcome:
    """Run until all guests have ended, none can go on (and there is no ``desk`` from which more may come), ``max_cycles`` are over, or
    Ctrl-C ends it. The owner's phrase, if it is given, is kept where there is a store. LaunchError; StorageError and TpmError (of the
    kernel) if the store cannot be made, or does not take it."""
    start = time.process_time()
    console = GuestConsole({n: p.name for n, p in enumerate(programs, 1)})
    system: GuestSystem | None = None
    try:
        system = GuestSystem(machine, config or KernelConfig(), console, late_launch=late_launch)
        system.link.each_slice = each_slice
        if slice_cycles is not None:
            system.link.slice_cycles = slice_cycles
        if new_store:
            system.kernel.roots.store.create()
        if system.kernel.config.phrase and system.kernel.config.disk is not None:
            system.kernel.roots.keep_phrase(system.kernel.config.phrase)
        system.start(programs)
        why = _run(system, machine, max_cycles, desk)
    except KeyboardInterrupt:
        why = Ending.INTERRUPTED.value
    console.finish()
    seconds = time.process_time() - start
    if system is None:
        return GuestsOutcome(why, _status(why, ()), machine.cycle, machine.instructions, seconds, (), {}, KernelTime(machine.cycle))
    guests = tuple(system.kernel.partitions.values())  # those that have been loaded, in order
    exits = {exit_name(code): count for code, count in sorted(system.kernel.exit_counts.items())}
    time_of_kernel = KernelTime.of(system.link)
    return GuestsOutcome(
        why, _status(why, guests), machine.cycle, machine.instructions, seconds, guests, exits, time_of_kernel, system.launched
    )


def _run(system: GuestSystem, machine: Machine, max_cycles: int | None, desk: Desk | None) -> str:
    try:
        while max_cycles is None or machine.cycle < max_cycles:
            system.link.guest_limit = None if max_cycles is None else max_cycles - machine.cycle
            outcome = system.kernel.step()
            if outcome is Step.OVER:
                return "all guests have ended"
            if outcome is Step.IDLE and desk is None:
                return "no guest can go on"
            if desk is not None:
                desk.serve(system.kernel, wait=outcome is Step.IDLE)
    except MachineEnded as end:
        if end.ending is not Ending.LIMIT:
            return end.ending.value
    return Ending.LIMIT.value


def _status(why: str, guests: Sequence[Partition]) -> int:
    for ending in (Ending.LIMIT, Ending.INTERRUPTED):
        if why == ending.value:
            return ending.status
    if any(g.alive or g.exit_status is None for g in guests):
        return Ending.STALLED.status
    return next((s for g in guests if (s := g.exit_status or 0)), 0) << 1 & 0xFF | 1
