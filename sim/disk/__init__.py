"""The simulated disk: ``sim_disk.sv``, a module that a circuit instantiates by name, and the check of a file before it becomes one."""

from pathlib import Path

from contracts.ide import MAX_SECTORS, SECTOR_SIZE

__all__ = ["SIM_DISK", "DiskError", "disk_arguments"]

SIM_DISK = Path(__file__).parent / "sim_disk.sv"


class DiskError(Exception):
    """A file that cannot be a disk; the message is one line."""


def disk_arguments(image: Path) -> tuple[str, ...]:
    """The simulator's arguments for a disk image, which is read and written in place; DiskError if it cannot be."""
    try:
        with image.open("r+b") as file:
            size = file.seek(0, 2)
    except OSError as error:
        raise DiskError(f"{image}: {error.strerror or error}") from None
    if size == 0:
        raise DiskError(f"{image}: a disk needs at least one sector, the file is empty")
    if size % SECTOR_SIZE:
        raise DiskError(f"{image}: {size} bytes are no whole number of {SECTOR_SIZE}-byte sectors")
    if size // SECTOR_SIZE > MAX_SECTORS:
        raise DiskError(f"{image}: {size // SECTOR_SIZE} sectors, an LBA28 disk has at most {MAX_SECTORS}")
    return f"+disk={image.resolve()}", f"+disk_sectors={size // SECTOR_SIZE}"
