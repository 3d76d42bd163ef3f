"""The driver guest's checks (``firmware/guests/disk_driver/requests.c``) compiled for this computer, without the driver."""

import ctypes
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from contracts.ide import SECTOR_SIZE
from contracts.virtual_disk import MAX_PARTITIONS, Partition, Request
from firmware.build import ROOT
from firmware.headers import write_header

__all__ = ["REQUESTS", "NativeChecks"]

REQUESTS = "guests/disk_driver/requests.c"
_FLAGS = ("-shared", "-fPIC", "-O2", "-std=gnu11", "-ffreestanding", "-fno-builtin", "-fno-strict-aliasing", "-Wall", "-Wextra")
_UNDEFINED = ("-fsanitize=undefined,bounds", "-fsanitize-undefined-trap-on-error")  # shifts and indices that C does not define end it


class _Partition(ctypes.Structure):
    _fields_ = (("identity", ctypes.c_ubyte * 32), ("first", ctypes.c_uint32), ("sectors", ctypes.c_uint32))


class _Request(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in Request._fields)


class NativeChecks:
    """``changes`` replaces pieces of the source, each there once: for control runs."""

    def __init__(self, folder: Path, changes: Mapping[str, str] | None = None) -> None:
        text = (ROOT / REQUESTS).read_text()
        for old, new in (changes or {}).items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        write_header(folder)
        source, library = folder / "requests.c", folder / "requests.so"
        source.write_text(text)
        gcc = shutil.which("gcc")
        assert gcc is not None
        command = [gcc, *_FLAGS, *_UNDEFINED, "-I", str(folder), "-I", str(ROOT), "-o", str(library), str(source)]
        subprocess.run(command, check=True, capture_output=True, text=True)
        self._library = ctypes.CDLL(str(library))
        self._library.check_request.restype = ctypes.c_uint32
        self._library.find_partition.restype = ctypes.POINTER(_Partition)

    def read_table(self, sector: bytes, disk_sectors: int) -> list[Partition] | None:
        """The partitions, or None."""
        assert len(sector) == SECTOR_SIZE
        partitions = (_Partition * MAX_PARTITIONS)()
        count = self._library.read_table(sector, ctypes.c_uint32(disk_sectors), partitions)
        return None if count < 0 else [Partition(bytes(p.identity), p.first, p.sectors) for p in partitions[:count]]

    def check(self, request: Request, partition: Partition) -> tuple[int, int]:
        """The status, and the sector of the disk."""
        where = ctypes.c_uint32(0)
        given = self._partition(partition)
        return self._library.check_request(ctypes.byref(_Request(*request)), ctypes.byref(given), ctypes.byref(where)), where.value

    def find(self, partitions: list[Partition], identity: bytes) -> int | None:
        """Which of them is of that identity."""
        array = (_Partition * len(partitions))(*map(self._partition, partitions))
        found = self._library.find_partition(array, len(partitions), identity)
        if not found:
            return None
        return (ctypes.addressof(found.contents) - ctypes.addressof(array)) // ctypes.sizeof(_Partition)

    @staticmethod
    def _partition(partition: Partition) -> _Partition:
        return _Partition((ctypes.c_ubyte * 32)(*partition.identity), partition.first, partition.sectors)
