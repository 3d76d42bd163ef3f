"""A file as the disk of sealed storage (``isolation_kernel.storage.Disk``), where no driver guest serves one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.sealed_storage import SECTOR, SECTORS, StorageError

__all__ = ["SectorFile"]


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{what}: {error.strerror}") from None


class SectorFile:
    """Sectors of 512 bytes; what the file does not have reads as nothing. It is made, and as large as a store, if it is not there."""

    def __init__(self, path: Path) -> None:
        with _told(str(path)):
            new = not path.exists()
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if new:
                os.truncate(self._file, SECTORS * SECTOR)

    def close(self) -> None:
        """No more of it."""
        os.close(self._file)

    def read(self, sector: int, count: int) -> bytes:
        """So many sectors, or as many as there are."""
        with _told("the disk cannot be read"):
            return os.pread(self._file, count * SECTOR, sector * SECTOR)

    def write(self, sector: int, data: bytes) -> None:
        """Whole sectors."""
        with _told("the disk cannot be written"):
            done = os.pwrite(self._file, data, sector * SECTOR)
        if done != len(data):
            raise StorageError("the disk cannot be written: there is no more room")

    def flush(self) -> None:
        """Returns when it lies on the host's disk."""
        with _told("the disk cannot be written"):
            os.fsync(self._file)
