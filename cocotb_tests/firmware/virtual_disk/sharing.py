"""The machine with a disk, its driver guest, and clients above the isolation kernel on the RTL."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from contracts.configuration import KernelConfig
from contracts.devices import DeviceNumber
from contracts.ide import SECTOR_SIZE
from contracts.identity import identity
from contracts.protections import Protections
from contracts.report import Step
from contracts.rights import Right
from contracts.virtual_disk import Partition, pack_table
from firmware import build
from sim.guests import GuestProgram, GuestSystem
from sim.machine import Machine

__all__ = ["DISK_SECTORS", "MEMORY", "PART_SECTORS", "Client", "Sharing", "identity_of", "partitions_for"]

MEMORY = 2 << 20  # bytes of each guest
DISK_SECTORS = 256
PART_SECTORS = 48
_LIMIT = 30_000_000  # cycles; the longest takes a third
_TALKS = frozenset({Right.CHANNEL})
_SPEED = "clean_ended_guest"  # half of a short run's cycles otherwise


@dataclass(frozen=True)
class Client:
    """A client's command line, and its program."""

    command_line: str
    program: str = "disk_client"

    def load(self, name: str) -> GuestProgram:
        """As it is started."""
        return GuestProgram.load(build.guest(self.program), MEMORY, name, command_line=self.command_line, rights=_TALKS)


def identity_of(client: Client) -> bytes:
    """Its name, as the kernel tells it."""
    return bytes.fromhex(identity(client.load("").configuration()))


def partitions_for(clients: Sequence[Client]) -> list[Partition]:
    """A partition for each, side by side."""
    return [Partition(identity_of(client), 8 + n * PART_SECTORS, PART_SECTORS) for n, client in enumerate(clients)]


class Sharing:
    """The driver is guest 1, the clients follow. ``table``: those of them that have a partition, if not all.

    ``driver``: changes of its sources (``firmware.build.changed``), for control runs.

    Attributes
    ----------
    before, image : what was on the disk, and the file
    guests : the driver, and the clients in order
    partitions : of the disk
    """

    def __init__(
        self,
        folder: Path,
        clients: Sequence[Client],
        before: bytes,
        driver: dict[str, dict[str, str]] | None = None,
        command_line: str = "",
        table: Sequence[Client] | None = None,
        off: tuple[str, ...] = (),
        slice_cycles: int = 40_000,
    ) -> None:
        self.partitions = partitions_for(clients if table is None else table)
        sectors = len(before) // SECTOR_SIZE
        self.before = pack_table(self.partitions, sectors) + before[SECTOR_SIZE:]
        self.image = folder / "disk.img"
        self.image.write_bytes(self.before)
        program = build.guest("disk_driver")
        if driver is not None:
            program = folder / "driver.elf"
            program.write_bytes(build.changed("disk_driver", driver))
        self.machine = Machine(disk=self.image)
        config = replace(KernelConfig(), protections=Protections.without(_SPEED, *off), slice_cycles=slice_cycles, timer_cycles=20_000)
        self.system = GuestSystem(self.machine, config, guest_limit=_LIMIT)
        self.kernel = self.system.kernel
        driver_guest = GuestProgram.load(
            program, MEMORY, "driver", command_line=command_line, one_to_one=True, rights=_TALKS, devices=frozenset({DeviceNumber.IDE})
        )
        self.guests = self.system.start([driver_guest, *(c.load(f"client {n}") for n, c in enumerate(clients, 2))])

    def run(self, until: Callable[[], bool] = lambda: False) -> bool:
        """Until it holds, or all have ended: whether it holds. AssertionError if neither comes."""
        start = self.machine.cycle
        while not until():
            if self.kernel.step() is Step.OVER:
                return until()
            assert self.machine.cycle - start < _LIMIT, [self.lines(n) for n in range(1, len(self.guests) + 1)]
        return True

    def lines(self, number: int) -> list[str]:
        """What a guest has said so far."""
        return bytes(self.guests[number - 1].console).decode().splitlines()

    def ended(self, number: int) -> Callable[[], bool]:
        """Whether a guest has ended."""
        return lambda: not self.guests[number - 1].alive

    def disk(self) -> bytes:
        """What is on it."""
        return self.image.read_bytes()

    def part(self, which: int, image: bytes | None = None) -> bytes:
        """A partition's bytes."""
        _, first, sectors = self.partitions[which]
        return (self.disk() if image is None else image)[first * SECTOR_SIZE : (first + sectors) * SECTOR_SIZE]

    def __enter__(self) -> "Sharing":
        return self

    def __exit__(self, *_: object) -> None:
        self.machine.close()
