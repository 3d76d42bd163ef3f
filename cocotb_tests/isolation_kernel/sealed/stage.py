"""A machine with a TPM, a disk that an attacker has in hand, and what is launched above them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from cocotb_tests.isolation_kernel.sealed.machine import Power, TpmMachine
from contracts.event_log import DEVELOPMENT, Event, EventKind, encode
from contracts.sealed_storage import SECTOR, StorageError
from contracts.tpm2 import Command, Handle, extension
from isolation_kernel.attestation import Attestation
from isolation_kernel.sealing import Sealing
from isolation_kernel.storage import SealedStorage
from isolation_kernel.tpm import Tpm
from sim.disk.sector_file import SectorFile

__all__ = ["GENUINE", "MAIL", "POLICY", "VAULT", "AttackedDisk", "Software", "Stage", "hashed"]

_LOADERS_LOCALITY = 3


def hashed(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


VAULT, MAIL = hashed(b"vault"), hashed(b"mail")
POLICY = Event(EventKind.POLICY, hashed(b"policy"))


@dataclass(frozen=True)
class Software:
    """What is launched."""

    block: bytes = b"secure loader " * 20
    stub: bytes = b"ring -1 stub"
    kernel: bytes = b"isolation kernel"

    @property
    def events(self) -> tuple[Event, Event, Event]:
        """What is measured before the kernel runs; the first by the launch itself."""
        kinds = (EventKind.BLOCK, EventKind.STUB, EventKind.KERNEL)
        return tuple(Event(kind, hashed(part)) for kind, part in zip(kinds, (self.block, self.stub, self.kernel), strict=True))  # type: ignore[return-value]


GENUINE = Software()


class AttackedDisk:
    """A file, and a memory in front of it that a loss of power empties: of the sectors that were not flushed any are written, at random.

    ``fails``: it says that it could not write, and has written.
    """

    def __init__(self, path: Path, power: Power, rng: Random) -> None:
        self.path, self._power, self._rng = path, power, rng
        self._file = SectorFile(path)
        self._waiting: dict[int, bytes] = {}
        self.fails = False

    def read(self, sector: int, count: int) -> bytes:
        """As ``Disk.read``."""
        self._power.on()
        whole = bytearray(self._file.read(sector, count))
        for at, data in self._waiting.items():
            if sector <= at < sector + count:
                whole[(at - sector) * SECTOR : (at - sector + 1) * SECTOR] = data
        return bytes(whole)

    def write(self, sector: int, data: bytes) -> None:
        """As ``Disk.write``."""
        assert not len(data) % SECTOR
        for at in range(0, len(data), SECTOR):
            self._power.step()
            self._waiting[sector + at // SECTOR] = data[at : at + SECTOR]

    def flush(self) -> None:
        """As ``Disk.flush``."""
        self._power.step()
        for sector, data in self._waiting.items():
            self._file.write(sector, data)
        self._waiting.clear()
        self._file.flush()
        if self.fails:
            raise StorageError("the disk cannot be written")
        self._power.step()

    def lose_power(self) -> None:
        """What was not flushed is written in part, and one sector of it perhaps to its middle."""
        for sector, data in self._waiting.items():
            if self._rng.random() < 0.5:
                kept = SECTOR if self._rng.random() < 0.8 else self._rng.randrange(SECTOR)
                self._file.write(sector, data[:kept] + self._file.read(sector, 1)[kept:])
        self._waiting.clear()

    @property
    def image(self) -> bytes:
        """All of it."""
        return self.path.read_bytes()

    @image.setter
    def image(self, data: bytes) -> None:
        self.path.write_bytes(data)

    def close(self) -> None:
        """No more of it."""
        self._file.close()


class Stage:
    """``sealing``, ``storage``, ``driver``: the kernel's own types, or with a check left out. It begins with a launch of ``GENUINE``."""

    def __init__(
        self,
        folder: Path,
        rng: Random,
        sealing: type[Sealing] = Sealing,
        storage: type[SealedStorage] = SealedStorage,
        driver: type[Tpm] = Tpm,
    ) -> None:
        self.machine = TpmMachine(folder / "tpm")
        self.disk = AttackedDisk(folder / "disk", self.machine.power, rng)
        self.sealing, self._storage, self._driver = sealing, storage, driver
        self.launch()

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self.disk.close()
        self.machine.close()

    @property
    def tpm(self) -> Tpm:
        """The kernel's."""
        return self._driver(self.machine.seen_by_kernel)

    def launch(self, software: Software = GENUINE, *, reset: bool = True) -> None:
        """Power on, a late launch, the secure loader's work."""
        if reset:
            self.disk.lose_power()
            self.machine.power_cycle()
        self.machine.hash_block(software.block)
        self.extend(software.events[1:], _LOADERS_LOCALITY)
        self.kernel = self.new_kernel()

    def extend(self, events: Sequence[Event], locality: int) -> None:
        """Measure."""
        for event in events:
            Tpm(self.machine.seen_by_kernel, locality).run(
                Command.PCR_EXTEND, event.kind.pcr, parameters=extension(event.digest), sessions=(Handle.PASSWORD,)
            )

    def new_kernel(self) -> SealedStorage:
        """The store, as a kernel that has just started has it; also ``kernel``."""
        return self._storage(self.sealing(self.tpm), self.disk)

    def attestation(self, software: Software = GENUINE, development: bool = False) -> Attestation:
        """The kernel's, with the policy measured."""
        attestation = Attestation(self.tpm, encode(software.events))
        for event in (*((DEVELOPMENT,) if development else ()), POLICY):
            attestation.measure(event)
        return attestation

    def again(self) -> SealedStorage:
        """Power lost and back, the same launch; the store as it then is."""
        self.launch()
        return self.kernel
