"""A file as the disk of sealed storage."""

import resource
import signal
from pathlib import Path

import pytest

from contracts.sealed_storage import SECTOR, SECTORS, StorageError
from sim.disk.sector_file import SectorFile

__all__: list[str] = []


def test_what_is_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    disk = SectorFile(tmp_path / "disk")
    assert (tmp_path / "disk").stat().st_size == SECTORS * SECTOR
    disk.write(3, b"a" * SECTOR + b"b" * SECTOR)
    disk.flush()
    disk.close()
    disk = SectorFile(tmp_path / "disk")
    assert disk.read(2, 4) == bytes(SECTOR) + b"a" * SECTOR + b"b" * SECTOR + bytes(SECTOR)
    disk.close()


def test_beyond_its_end_there_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(b"x" * (SECTOR + 100))
    disk = SectorFile(tmp_path / "disk")
    assert disk.read(1, 2) == b"x" * 100 and disk.read(9, 1) == b""
    disk.close()


def test_a_file_that_cannot_be_opened_is_told_in_one_line(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no" / "disk"):
        with pytest.raises(StorageError) as told:
            SectorFile(path)
        assert str(path) in str(told.value) and "\n" not in str(told.value)


def test_a_full_disk_is_told_in_one_line(tmp_path: Path) -> None:
    """The host's limit on a file's size stands for a full disk."""
    disk = SectorFile(tmp_path / "disk")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SECTOR, hard))
    try:
        for sector, match in ((0, "there is no more room"), (5, "the disk cannot be written: File too large")):
            with pytest.raises(StorageError, match=match):
                disk.write(sector, bytes(2 * SECTOR))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
        disk.close()
