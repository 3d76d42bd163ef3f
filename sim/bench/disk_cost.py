"""What it costs to have the disk through the driver guest: the same calls natively, and by a client above the isolation kernel.

It measures how long the first request after a pause takes as well.

``python -m sim.bench.disk_cost`` prints both, the ratios, and the longest and the mean of the first requests.
"""

import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contracts.configuration import KernelConfig
from contracts.devices import DeviceNumber
from contracts.ide import SECTOR_SIZE
from contracts.identity import identity
from contracts.report import Step
from contracts.rights import Right
from contracts.virtual_disk import PAGE_SECTORS, Partition, pack_table
from firmware.build import guest, program
from sim.bench.programs import BenchError, numbers
from sim.guests import GuestProgram, GuestSystem
from sim.machine import Ending, Machine
from sim.multiboot import read_multiboot

__all__ = ["DiskCost", "disk_cost", "first_requests", "main"]

_MEMORY = 2 << 20  # bytes of each guest
_DISK_SECTORS = 256
_LIMIT = 100_000_000  # cycles
_PASSED = 1
_PAUSE = 500_000  # cycles, and more
_AFTER = re.compile(r"after a pause: (\d+) cycles")
_SAID = r"wrote (\d+) sectors: (\d+) cycles\s+read \d+ sectors: (\d+) cycles"


@dataclass(frozen=True)
class DiskCost:
    """Cycles for so many ``sectors`` in calls of ``call`` sectors."""

    sectors: int
    call: int
    native_write: int
    native_read: int
    guest_write: int
    guest_read: int

    @property
    def ratios(self) -> tuple[float, float]:
        """Throughput through the driver guest, of the native one: of writes and of reads."""
        return self.native_write / self.guest_write, self.native_read / self.guest_read


def _native(image: Path, command_line: str) -> str:
    with Machine(disk=image) as machine:
        machine.load_multiboot(read_multiboot(program("disk_throughput"), machine.config.memory), command_line)
        outcome = machine.run(_LIMIT)
        machine.drain()
        said = machine.outputs["com1"].decode("ascii", "replace")
    if outcome.ending is not Ending.EXIT or outcome.status != _PASSED:
        raise BenchError(f"disk_throughput failed: {outcome.ending.value}; it said {said.strip()!r}")
    return said


def _through_the_driver(image: Path, command_line: str) -> str:
    talks = frozenset({Right.CHANNEL})
    client = GuestProgram.load(guest("disk_client"), _MEMORY, command_line=command_line, rights=talks)
    driver = GuestProgram.load(
        guest("disk_driver"), _MEMORY, one_to_one=True, devices=frozenset({DeviceNumber.IDE}), rights=talks
    )  # fmt: skip
    part = Partition(bytes.fromhex(identity(client.configuration())), PAGE_SECTORS, _DISK_SECTORS - PAGE_SECTORS)
    with image.open("r+b") as file:
        file.write(pack_table([part], _DISK_SECTORS))
    with Machine(disk=image) as machine:
        system = GuestSystem(machine, KernelConfig(), guest_limit=_LIMIT)
        _, partition = system.start([driver, client])
        while partition.alive and machine.cycle < _LIMIT and system.kernel.step() is not Step.OVER:
            pass
        said = bytes(partition.console).decode("ascii", "replace")
    if partition.exit_status != 0:
        raise BenchError(f"the disk's client failed: {partition.end_reason or 'no end'}; it said {said.strip()!r}")
    return said


def _with_disk(run: Callable[[Path], str]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder, "disk.img")
        image.write_bytes(bytes(_DISK_SECTORS * SECTOR_SIZE))
        return run(image)


def first_requests() -> list[int]:
    """Cycles of a sector's read after each of some pauses of half a million cycles and more. BenchError."""
    found = [int(cycles) for cycles in _AFTER.findall(_with_disk(lambda image: _through_the_driver(image, f"requests=1 pause={_PAUSE}")))]
    if not found:
        raise BenchError("the disk's client has told no times")
    return found


def disk_cost(sectors: int, call: int) -> DiskCost:
    """Measure it. BenchError."""
    line = f"bench={sectors} call={call}"
    _, native_write, native_read = numbers(_with_disk(lambda image: _native(image, line)), _SAID)
    _, guest_write, guest_read = numbers(_with_disk(lambda image: _through_the_driver(image, line)), _SAID)
    return DiskCost(sectors, call, native_write, native_read, guest_write, guest_read)


def main() -> int:
    """Print a line for each length of call."""
    for call in (1, PAGE_SECTORS):
        cost = disk_cost(8 * call, call)
        write, read = cost.ratios
        print(f"{cost.sectors} sectors, {call} a call, in cycles, and of the native throughput:")
        print(f"    written {cost.guest_write}, natively {cost.native_write}: {write:.2f}")
        print(f"    read {cost.guest_read}, natively {cost.native_read}: {read:.2f}")
    first = first_requests()
    print(f"first request after a pause: {max(first)} cycles at most, {sum(first) // len(first)} in the mean of {len(first)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
