"""Runs the measuring programs of ``firmware/bench``, natively and as a guest, and reads what they print."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contracts.configuration import KernelConfig
from contracts.exit_codes import exit_name
from contracts.memory_map import RamLayout
from contracts.report import Step
from sim.guests import GuestProgram, GuestSystem, share_memory
from sim.link import MachineEnded
from sim.machine import Ending, Machine, MachineConfig, Outcome
from sim.multiboot import read_multiboot

__all__ = ["BenchError", "GuestRun", "NativeRun", "Overhead", "numbers", "run_as_guest", "run_natively"]

_LIMIT = 100_000_000  # cycles that a program may take
_PASSED = 1  # exit status of a program that wrote 0 to the exit port
_MAX_STEPS = 1_000_000


class BenchError(RuntimeError):
    """A program did not do what it should; one line."""


def numbers(said: str, pattern: str) -> tuple[int, ...]:
    """The groups of ``pattern`` in what a program said, as numbers. BenchError if it is not there."""
    found = re.search(pattern, said)
    if found is None:
        raise BenchError(f"a measuring program said {said.strip()!r}, which does not match {pattern!r}")
    return tuple(int(group) for group in found.groups())


@dataclass(frozen=True)
class NativeRun:
    """What the program said, and how the run went."""

    said: str
    outcome: Outcome


def run_natively(program: Path, command_line: str = "", config: MachineConfig | None = None, *,
                 each_slice: Callable[[int], None] | None = None) -> NativeRun:  # fmt: skip
    """Run a program on the bare machine until it ends; ``each_slice(cycle)`` is called now and then. BenchError if it fails."""
    with Machine(config) as machine:
        machine.load_multiboot(read_multiboot(program, machine.config.memory), command_line)
        outcome = machine.run(_LIMIT, each_slice=None if each_slice is None else lambda: each_slice(machine.cycle))
        said = machine.outputs["com1"].decode("ascii", "replace")
    if outcome.ending is not Ending.EXIT or outcome.status != _PASSED:
        raise BenchError(f"{program.name} failed: {outcome.ending.value} (exit status {outcome.status}); it said {said.strip()!r}")
    return NativeRun(said, outcome)


@dataclass(frozen=True)
class Overhead:
    """What ring −1 has cost so far: a mark in a run, or the difference of two.

    ``kernel`` is the declared constant for each command of the kernel, ``link`` the cycles in which the host link moved data while the
    guest stood still.
    """

    cycle: int
    kernel: int
    link: int
    exits: dict[str, int]

    def since(self, earlier: "Overhead") -> "Overhead":
        """The difference."""
        exits = {name: count - earlier.exits.get(name, 0) for name, count in self.exits.items()}
        return Overhead(
            self.cycle - earlier.cycle, self.kernel - earlier.kernel, self.link - earlier.link, {n: c for n, c in exits.items() if c}
        )


@dataclass(frozen=True)
class GuestRun:
    """What the guest said, and what ring −1 had cost after each step of the kernel."""

    said: str
    marks: list[Overhead]
    said_at: int  # cycle of the first output

    def before_output(self, cycles: int) -> Overhead:
        """The cost in the last ``cycles`` before the first output, in whole exits."""
        inside = [m for m in self.marks if self.said_at - cycles <= m.cycle <= self.said_at]
        if not inside:
            return Overhead(0, 0, 0, {})
        first = self.marks.index(inside[0])
        return inside[-1].since(self.marks[first - 1] if first else inside[0])


def _mark(system: GuestSystem) -> Overhead:
    exits = {exit_name(code): count for code, count in system.kernel.exit_counts.items()}
    return Overhead(system.machine.cycle, system.link.kernel_cycles, system.link.link_cycles, exits)


def run_as_guest(program: Path, command_line: str = "", config: MachineConfig | None = None, *,
                 kernel: KernelConfig | None = None, each_slice: Callable[[int], None] | None = None) -> GuestRun:  # fmt: skip
    """Run a program as the only guest above the isolation kernel until it ends. BenchError if it fails or prints nothing."""
    with Machine(config) as machine:
        said = bytearray()
        said_at: list[int] = []

        def console(_partition: int, data: bytes) -> None:
            said_at.append(machine.cycle)
            said.extend(data)

        system = GuestSystem(machine, kernel or KernelConfig(), console, guest_limit=_LIMIT)
        memory = share_memory(1, RamLayout(size=machine.config.memory))
        (partition,) = system.start([GuestProgram.load(program, memory, command_line=command_line, one_to_one=True)])
        marks = [_mark(system)]
        ended = ""
        try:
            for _ in range(_MAX_STEPS):
                step = system.kernel.step()
                marks.append(_mark(system))
                if each_slice is not None:
                    each_slice(machine.cycle)
                if step in (Step.OVER, Step.IDLE):
                    break
        except MachineEnded as error:
            ended = str(error)
        text = said.decode("ascii", "replace")
        if ended or partition.alive or not said:
            raise BenchError(f"{program.name} failed as a guest: {ended or partition.end_reason or 'no end'}; it said {text.strip()!r}")
        return GuestRun(text, marks, said_at[0])
