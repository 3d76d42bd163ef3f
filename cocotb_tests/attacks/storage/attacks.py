"""What is done to sealed storage and to the TPM behind it. Each attack says what it takes to succeed: one check that is left out.

An attack is given a stage with an empty store, whose kernel has that check or has not, and tells whether it has succeeded.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from cocotb_tests.attacks.storage.forger import forge
from cocotb_tests.attacks.storage.unchecked import (
    AnyAnchor,
    AnyCount,
    AnyIndex,
    AnyLocality,
    AnyObject,
    CountsFirst,
    EveryReader,
    OneKey,
    PolitelyAsks,
    StaysOpen,
    locality_left_out,
)
from cocotb_tests.isolation_kernel.sealed.machine import PowerCut
from cocotb_tests.isolation_kernel.sealed.stage import GENUINE, MAIL, VAULT, Software, Stage, hashed
from contracts.attestation import qualifying_data
from contracts.memory_map import Physical
from contracts.sealed_storage import CELL_SECTORS, HEADER, SECTOR, TAG_SIZE, Header, StorageError, cell_sector, index_sector
from contracts.tpm import TPM
from isolation_kernel import attestation, storage
from isolation_kernel.sealing import Sealing
from isolation_kernel.storage import SealedStorage
from isolation_kernel.tpm import Tpm, TpmError
from sim.unchecked_store import AnyRegisters, AnyTag

__all__ = ["ATTACKS", "Attack"]

SECRET, OTHER = b"the vault's secret", b"what mail keeps for itself"
OLD, NEW = b"the balance is 100", b"the balance is 0, all is spent"
Run = Callable[[Stage], bool]


@dataclass(frozen=True)
class Attack:
    """``run`` tells whether it has succeeded; a control run has another sealing, storage or driver, or another name in a module."""

    run: Run
    sealing: type[Sealing] = Sealing
    storage: type[SealedStorage] = SealedStorage
    driver: type[Tpm] = Tpm
    patched: Mapping[tuple[Any, str], object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its function's."""
        return self.run.__name__


ATTACKS: list[Attack] = []


def _attack(**without: Any) -> Callable[[Run], Run]:
    def add(run: Run) -> Run:
        ATTACKS.append(Attack(run, **without))
        return run

    return add


def _gets(kernel: SealedStorage, data: bytes, reader: bytes = VAULT, slot: int = 0) -> bool:
    """Whether a reader is handed ``data`` as what the vault keeps."""
    try:
        return kernel.unseal(reader, VAULT, slot) == data
    except (StorageError, TpmError):
        return False


def _bit_away(name: bytes) -> bytes:
    return bytes((name[0] ^ 1,)) + name[1:]


# who reads


@_attack(storage=EveryReader)
def guest_one_bit_away(stage: Stage) -> bool:
    """It was started from an image that differs in one bit."""
    stage.kernel.seal(VAULT, 0, SECRET, (VAULT,))
    return _gets(stage.kernel, SECRET, _bit_away(VAULT))


@_attack(storage=EveryReader)
def reader_of_yesterday(stage: Stage) -> bool:
    """The vault let it read once, and then kept something else in the same slot for itself alone."""
    stage.kernel.seal(VAULT, 0, OLD, (VAULT, MAIL))
    assert _gets(stage.kernel, OLD, MAIL)
    stage.kernel.seal(VAULT, 0, SECRET, (VAULT,))
    return _gets(stage.kernel, SECRET, MAIL)


def _unsealed_after(stage: Stage, software: Software) -> bool:
    """The root key, after another launch, by a kernel that checks nothing itself."""
    root = stage.sealing(stage.tpm).root_key()
    stage.launch(software)
    try:
        return stage.sealing(stage.tpm).root_key() == root
    except TpmError:
        return False


@_attack(sealing=AnyRegisters)
def another_loader(stage: Stage) -> bool:
    """One bit of the block is another: PCR 17 differs."""
    return _unsealed_after(stage, Software(block=_bit_away(GENUINE.block)))


@_attack(sealing=AnyRegisters)
def another_kernel(stage: Stage) -> bool:
    """The genuine loader has measured another kernel: PCR 18 differs."""
    return _unsealed_after(stage, Software(kernel=_bit_away(GENUINE.kernel)))


@_attack(sealing=AnyRegisters)
def no_launch(stage: Stage) -> bool:
    """What runs before, or in place of, a launch; here it even has the launched kernel's locality."""
    root = stage.sealing(stage.tpm).root_key()
    stage.machine.power_cycle()
    stage.machine.pretend_launch()
    try:
        return stage.sealing(stage.tpm).root_key() == root
    except TpmError:
        return False


@_attack(sealing=AnyLocality)
def beside_the_kernel(stage: Stage) -> bool:
    """Software that reaches locality 0 while the genuine launch lasts asks the TPM itself."""
    root = stage.sealing(stage.tpm).root_key()
    try:
        return stage.sealing(_in_locality_0(stage)).root_key() == root
    except TpmError:
        return False


@_attack(sealing=AnyLocality)
def counted_beside_the_kernel(stage: Stage) -> bool:
    """The same counts, so that everything on the disk is old."""
    stage.kernel.seal(VAULT, 0, SECRET, (VAULT,))
    with suppress(TpmError):
        stage.sealing(_in_locality_0(stage)).increment()
    return not _gets(stage.again(), SECRET)


def _in_locality_0(stage: Stage) -> Tpm:
    return Tpm(stage.machine.seen_by_kernel, 0)


# an old disk, an old TPM


def _in_both_indexes(stage: Stage, data: bytes) -> None:
    for slot in range(2):
        stage.kernel.seal(VAULT, slot, data, (VAULT,))


@_attack(storage=AnyCount)
def disk_of_an_hour_ago(stage: Stage) -> bool:
    """Put back while the machine is off."""
    _in_both_indexes(stage, OLD)
    image = stage.disk.image
    stage.kernel.seal(VAULT, 0, NEW, (VAULT,))
    stage.disk.image = image
    return _gets(stage.again(), OLD)


@_attack(storage=AnyIndex)
def disk_of_yesterday(stage: Stage) -> bool:
    """The machine was off and on since."""
    _in_both_indexes(stage, OLD)
    image = stage.disk.image
    stage.again().seal(VAULT, 0, NEW, (VAULT,))
    stage.disk.image = image
    return _gets(stage.again(), OLD)


@_attack(storage=AnyCount)
def one_index_of_an_hour_ago(stage: Stage) -> bool:
    """The index in force is destroyed, so that the one before it might do."""
    stage.kernel.seal(VAULT, 0, OLD, (VAULT,))
    stage.kernel.seal(VAULT, 1, NEW, (VAULT,))
    newest = stage.kernel._which
    stage.disk.image = _with(stage.disk.image, index_sector(newest), bytes(SECTOR))
    return _gets(stage.again(), OLD)


@_attack(storage=AnyCount)
def tpm_of_an_hour_ago(stage: Stage) -> bool:
    """The TPM's memory is put back, and the disk is today's: changes would be counted a second time."""
    stage.kernel.seal(VAULT, 0, OLD, (VAULT,))
    state = stage.machine.copy_state()
    stage.kernel.seal(VAULT, 0, NEW, (VAULT,))
    stage.machine.replace_state(state)
    return _gets(stage.again(), NEW)


@_attack(storage=AnyAnchor)
def change_that_was_never_counted(stage: Stage) -> bool:
    """Power is cut between disk and counter, the disk kept; then another change gets that count, and the kept disk is put back."""
    stage.kernel.seal(VAULT, 0, NEW, (VAULT,))
    _cut_before_counting(stage, OLD)
    kept = stage.disk.image
    stage.again().seal(VAULT, 0, NEW, (VAULT,))
    stage.disk.image = kept
    return _gets(stage.again(), OLD)


def _cut_before_counting(stage: Stage, data: bytes) -> None:
    def cut() -> None:
        raise PowerCut

    kernel = stage.kernel
    kernel._sealing.increment = cut  # type: ignore[method-assign]
    with suppress(PowerCut):
        kernel.seal(VAULT, 0, data, (VAULT,))


@_attack(storage=StaysOpen)
def change_that_failed(stage: Stage) -> bool:
    """The disk says that it could not write, and has written; another change is made; then it shows the first again."""
    stage.kernel.seal(VAULT, 0, NEW, (VAULT,))
    stage.disk.fails = True
    with suppress(StorageError):
        stage.kernel.seal(VAULT, 0, OLD, (VAULT,))
    stage.disk.fails = False
    kept = stage.disk.image
    stage.kernel.seal(VAULT, 0, NEW, (VAULT,))
    stage.disk.image = kept
    return _gets(stage.again(), OLD)


# a changed disk


def _with(image: bytes, sector: int, data: bytes) -> bytes:
    at = sector * SECTOR
    return image[:at] + data + image[at + len(data) :]


def _cell(image: bytes, cell: int) -> bytes:
    return image[cell_sector(cell) * SECTOR :][: CELL_SECTORS * SECTOR]


@_attack(sealing=OneKey)
def swapped_blobs(stage: Stage) -> bool:
    """Mail's blob in the place of the vault's."""
    stage.kernel.seal(VAULT, 0, b"x" * len(OTHER), (VAULT,))
    stage.kernel.seal(MAIL, 0, OTHER, (MAIL,))
    image = stage.disk.image
    stage.disk.image = _with(_with(image, cell_sector(0), _cell(image, 1)), cell_sector(1), _cell(image, 0))
    return _gets(stage.again(), OTHER)


@_attack(sealing=OneKey)
def blob_of_an_hour_ago(stage: Stage) -> bool:
    """The old blob, which still lies on the disk, in the place of the new one."""
    stage.kernel.seal(VAULT, 0, OLD, (VAULT,))
    stage.kernel.seal(VAULT, 0, b"y" * len(OLD), (VAULT,))
    stage.disk.image = _with(stage.disk.image, cell_sector(1), _cell(stage.disk.image, 0))
    return _gets(stage.again(), OLD)


@_attack(patched={(storage, "AESGCM"): AnyTag})
def flipped_bit_of_a_blob(stage: Stage) -> bool:
    """The balance becomes another one."""
    stage.kernel.seal(VAULT, 0, b"the balance is 100", (VAULT,))
    image = stage.disk.image
    digit = cell_sector(0) * SECTOR + len(b"the balance is ")
    stage.disk.image = image[:digit] + bytes((image[digit] ^ ord("1") ^ ord("9"),)) + image[digit + 1 :]
    return _gets(stage.again(), b"the balance is 900")


@_attack(patched={(storage, "AESGCM"): AnyTag})
def reader_flipped_into_the_index(stage: Stage) -> bool:
    """The vault's name among the readers becomes mail's: what is encrypted there is known."""
    stage.kernel.seal(VAULT, 0, SECRET, (VAULT,))
    image, index = stage.disk.image, index_sector(stage.kernel._which) * SECTOR
    header = Header(*HEADER.unpack_from(image, index))
    at = index + HEADER.size + header.size - TAG_SIZE - len(VAULT)
    changed = bytes(byte ^ old ^ new for byte, old, new in zip(image[at:], VAULT, MAIL, strict=False))
    stage.disk.image = image[:at] + changed + image[at + len(changed) :]
    return _gets(stage.again(), SECRET, MAIL)


@_attack(patched={(storage, "AESGCM"): AnyTag})
def disk_cut_off(stage: Stage) -> bool:
    """In the middle of a blob: what is left of it passes for the whole."""
    stage.kernel.seal(VAULT, 0, b"pay " * 200, (VAULT,))
    stage.disk.image = stage.disk.image[: (cell_sector(0) + 1) * SECTOR]
    return _gets(stage.again(), (b"pay " * 200)[: SECTOR - TAG_SIZE])


def _forged(stage: Stage, *, indexes: bool) -> bool:
    forged = b"the attacker's secret"
    stage.kernel.seal(VAULT, 0, SECRET, (VAULT,))
    stage.machine.power_cycle()
    forge(_in_locality_0(stage), stage.disk, VAULT, forged, indexes)
    stage.launch()
    return _gets(stage.kernel, forged)


@_attack(sealing=AnyObject)
def store_of_the_attackers_own(stage: Stage) -> bool:
    """Before the launch, with the owner's authority: root key, counter and anchor are replaced by such as the attacker knows and writes,
    and the disk by one that it has made."""
    return _forged(stage, indexes=True)


@_attack(storage=AnyAnchor)
def root_key_of_the_attackers_own(stage: Stage) -> bool:
    """The same, with the genuine counter and anchor."""
    return _forged(stage, indexes=False)


# a loss of power


@_attack(storage=CountsFirst)
def power_cut_between_tpm_and_disk(stage: Stage) -> bool:
    """At any step of a change: afterwards there is neither the old nor the new."""
    stage.kernel.seal(VAULT, 0, OLD, (VAULT,))
    stage.machine.power.steps = 0
    stage.kernel.seal(VAULT, 0, OLD, (VAULT,))
    for step in range(stage.machine.power.steps):
        stage.machine.power.steps, stage.machine.power.fails_at = 0, step
        with suppress(PowerCut):
            stage.kernel.seal(VAULT, 0, OLD, (VAULT,))
        if not _gets(stage.again(), OLD):
            return True
    return False


# the TPM itself


@_attack(driver=PolitelyAsks)
def tpm_never_given_up(stage: Stage) -> bool:
    """Software in locality 0 takes the TPM and keeps it."""
    stage.kernel.seal(VAULT, 0, SECRET, (VAULT,))
    stage.launch()
    access = TPM["ACCESS"]
    stage.machine.write32(Physical.TPM + access.offset, access.field("REQUEST_USE").mask)
    assert stage.machine.read32(Physical.TPM + access.offset) & access.field("ACTIVE_LOCALITY").mask
    return not _gets(stage.kernel, SECRET)


@_attack(patched={(attestation, "policy"): locality_left_out})
def quote_beside_the_kernel(stage: Stage) -> bool:
    """Software in locality 0 has the kernel's key sign that it is the vault, while the genuine launch lasts."""
    nonce, data = hashed(b"nonce"), hashed(b"the attacker's key")
    log = stage.attestation()
    key = log.quote(nonce, MAIL, data).key
    imitation = attestation.Attestation(_in_locality_0(stage), b"ringlog\x01")
    try:
        quoted = imitation.quote(nonce, VAULT, data)
    except TpmError:
        return False
    return quoted.key == key and qualifying_data(nonce, VAULT, data) in quoted.quote
