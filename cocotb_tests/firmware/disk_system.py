"""The machine with a disk, and guests that drive it above the isolation kernel on the RTL."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from contracts.configuration import KernelConfig
from contracts.devices import DEVICES, DeviceNumber
from contracts.ide import IDE_REQUESTER
from contracts.memory_map import PAGE_SIZE, Physical
from contracts.policy_map import GUARD
from contracts.protections import Protections
from contracts.report import Step
from firmware import build
from isolation_kernel.partition import Partition
from sim.guests import GuestProgram, GuestSystem
from sim.machine import Machine

__all__ = ["GUEST_MEMORY", "IDE", "LIMIT", "SECTORS", "Above", "copy", "says"]

SECTORS = 512
LIMIT = 10_000_000  # cycles; the longest takes a third of that
GUEST_MEMORY = 3 << 20  # bytes, unless a test says otherwise
IDE = DEVICES[DeviceNumber.IDE]
_DISK = frozenset({DeviceNumber.IDE})


def copy(image: Path, name: str) -> Path:
    """The image, for one machine alone."""
    return Path(shutil.copy(image, image.with_name(name)))


class Above:
    """Guests above the isolation kernel, by program and command line; the first, mapped one to one, has the disk.

    Attributes
    ----------
    machine, system, kernel : of this run
    guests : in order
    """

    def __init__(self, image: Path, *guests: tuple[str, str], protections: Protections | None = None, config: KernelConfig | None = None,
                 first_memory: int = GUEST_MEMORY) -> None:  # fmt: skip
        self.machine = Machine(disk=image)
        config = replace(config or KernelConfig(), protections=protections or Protections())
        self.system = GuestSystem(self.machine, config, guest_limit=LIMIT)
        self.kernel = self.system.kernel
        self.guests = [self._load(n, *guest, first_memory if n == 0 else GUEST_MEMORY) for n, guest in enumerate(guests)]

    def _load(self, number: int, name: str, command_line: str, memory: int) -> Partition:
        program = GuestProgram.load(
            build.guest(name), memory, f"guest {number + 1}", command_line=command_line, one_to_one=number == 0,
            devices=_DISK if number == 0 else frozenset(),
        )  # fmt: skip
        return self.kernel.load_guest(program.configuration())

    def run(self, until: Callable[[], bool]) -> None:
        """Until it holds; AssertionError if it never does."""
        start = self.machine.cycle
        while not until():
            assert self.kernel.step() in (Step.RAN, Step.WAITED) and self.machine.cycle - start < LIMIT, [g.console for g in self.guests]

    def lines(self, guest: Partition) -> list[str]:
        """What it has said so far."""
        return guest.console.decode().splitlines()

    def guard(self, name: str) -> int:
        """A register of the DMA guard."""
        return self.system.link.read32(Physical.GUARD + GUARD[name].offset)

    @property
    def busy(self) -> bool:
        """Whether the disk is at work."""
        return not self.guard("DEVICE_IDLE") >> IDE_REQUESTER & 1

    def memory(self, guest: Partition) -> bytes:
        """All pages of a guest, in order, read behind the machine's back: no cycle passes."""
        ram = self.machine.model.memory()
        return b"".join(bytes(ram[frame * PAGE_SIZE :][:PAGE_SIZE]) for _, frame in sorted(guest.memory.pages.items()))

    def __enter__(self) -> "Above":
        return self

    def __exit__(self, *_: object) -> None:
        self.machine.close()


def says(guest: Partition, text: bytes) -> Callable[[], bool]:
    """Whether it has said that, or has ended."""
    return lambda: text in guest.console or not guest.alive
