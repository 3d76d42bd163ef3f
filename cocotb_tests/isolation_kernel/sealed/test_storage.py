"""Sealed storage as guests have it, and as it stands on a disk that is changed."""

from random import Random

import pytest

from cocotb_tests.isolation_kernel.sealed.stage import MAIL, VAULT, Stage, hashed
from contracts.sealed_storage import (
    CELL_SECTORS,
    HEADER,
    MAX_DATA,
    MAX_ENTRIES,
    MAX_READERS,
    SECTOR,
    SLOTS,
    Header,
    StorageError,
    cell_sector,
    index_sector,
)
from isolation_kernel.storage import SealedStorage

__all__: list[str] = []

SECRET = b"the vault's secret"
NOTHING = "there is nothing there that this guest may read"


def guest(number: int) -> bytes:
    return hashed(number.to_bytes(4, "little"))


def flipped(data: bytes, at: int, bit: int = 0) -> bytes:
    return data[:at] + bytes((data[at] ^ 1 << bit,)) + data[at + 1 :]


@pytest.mark.parametrize("size", [0, 1, SECTOR - 1, SECTOR, MAX_DATA - 1, MAX_DATA])
def test_what_was_sealed_is_there_after_a_loss_of_power(stage: Stage, size: int, rng: Random) -> None:
    data = rng.randbytes(size)
    stage.kernel.seal(VAULT, 0, data, (VAULT,))
    assert stage.kernel.unseal(VAULT, VAULT, 0) == data
    assert stage.again().unseal(VAULT, VAULT, 0) == data


def test_only_those_read_whom_the_writer_names(stage: Stage) -> None:
    stage.kernel.seal(VAULT, 0, b"own", (VAULT,))
    stage.kernel.seal(VAULT, 1, b"shared", (VAULT, MAIL))
    stage.kernel.seal(VAULT, 2, b"passed up", (MAIL,))
    for kernel in (stage.kernel, stage.again()):
        assert kernel.unseal(VAULT, VAULT, 0) == b"own"
        assert kernel.unseal(VAULT, VAULT, 1) == kernel.unseal(MAIL, VAULT, 1) == b"shared"
        assert kernel.unseal(MAIL, VAULT, 2) == b"passed up"
        for reader, writer, slot in ((MAIL, VAULT, 0), (VAULT, VAULT, 2), (VAULT, MAIL, 0), (VAULT, VAULT, 3), (VAULT, VAULT, SLOTS)):
            with pytest.raises(StorageError, match=NOTHING):
                kernel.unseal(reader, writer, slot)


def test_an_update_takes_over_what_the_old_version_left_it(stage: Stage) -> None:
    old, new = guest(1), guest(2)
    stage.kernel.seal(old, 0, b"the counter is 7", (old, new))
    kernel = stage.again()
    data = kernel.unseal(new, old, 0)
    kernel.seal(new, 0, data, (new,))
    kernel.erase(old, 0)
    assert stage.again().unseal(new, new, 0) == b"the counter is 7"
    with pytest.raises(StorageError, match=NOTHING):
        stage.kernel.unseal(new, old, 0)


def test_a_slot_holds_what_came_last(stage: Stage, rng: Random) -> None:
    """Random changes, with losses of power between them, against a dictionary."""
    kept: dict[tuple[bytes, int], bytes] = {}
    kernel = stage.kernel
    for _ in range(30):
        writer, slot = guest(rng.randrange(3)), rng.randrange(SLOTS)
        match rng.randrange(8):
            case 0:
                kernel = stage.again()
            case 1:
                kernel.erase(writer, slot)
                kept.pop((writer, slot), None)
            case _:
                kept[writer, slot] = rng.randbytes(rng.choice((3, 700, MAX_DATA)))
                kernel.seal(writer, slot, kept[writer, slot], (writer,))
        for place, data in kept.items():
            assert kernel.unseal(place[0], *place) == data


def test_a_full_store_says_so_and_still_takes_a_new_value_for_each_blob(stage: Stage, rng: Random) -> None:
    readers = tuple(guest(n) for n in range(MAX_READERS))
    places = [(guest(n // SLOTS), n % SLOTS) for n in range(MAX_ENTRIES)]
    for writer, slot in places:
        stage.kernel.seal(writer, slot, writer + bytes((slot,)), readers)
    with pytest.raises(StorageError, match="sealed storage is full"):
        stage.kernel.seal(VAULT, 0, SECRET, (VAULT,))
    writer, slot = rng.choice(places)
    stage.kernel.seal(writer, slot, SECRET, readers)
    kernel = stage.again()
    for place in places:
        assert kernel.unseal(readers[-1], *place) == (SECRET if place == (writer, slot) else place[0] + bytes((place[1],)))
    kernel.erase(*places[0])
    kernel.seal(VAULT, 0, SECRET, (VAULT,))


@pytest.mark.parametrize(
    ("slot", "size", "readers"),
    [(SLOTS, 1, 1), (-1, 1, 1), (1 << 31, 1, 1), (0, MAX_DATA + 1, 1), (0, 1, 0), (0, 1, MAX_READERS + 1)],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(stage: Stage, slot: int, size: int, readers: int) -> None:
    stage.kernel.seal(VAULT, 0, SECRET, (VAULT,))
    image = stage.disk.image
    with pytest.raises(StorageError, match="no such slot, or too many bytes or readers"):
        stage.kernel.seal(VAULT, slot, bytes(size), (VAULT,) * readers)
    assert stage.disk.image == image and stage.kernel.unseal(VAULT, VAULT, 0) == SECRET


def test_nothing_readable_lies_on_the_disk(stage: Stage) -> None:
    for slot in range(3):
        stage.kernel.seal(VAULT, slot, SECRET * 10, (VAULT, MAIL))
    for known in (SECRET, VAULT, MAIL):
        assert known not in stage.disk.image


def test_the_same_data_are_never_twice_the_same_bytes(stage: Stage) -> None:
    cells = set()
    for slot in range(4):
        stage.kernel.seal(VAULT, slot, SECRET, (VAULT,))
        cells.add(stage.disk.image[cell_sector(slot) * SECTOR :][: CELL_SECTORS * SECTOR])
    assert len(cells) == 4


# a disk that is changed


def test_every_byte_of_a_blob_counts(stage: Stage, rng: Random) -> None:
    stage.kernel.seal(VAULT, 0, SECRET, (VAULT,))
    stage.kernel.seal(MAIL, 0, b"mail's", (MAIL,))
    image, start = stage.disk.image, cell_sector(0) * SECTOR
    for at in range(start, start + CELL_SECTORS * SECTOR):
        stage.disk.image = flipped(image, at, rng.randrange(8))
        with pytest.raises(StorageError, match="what is kept in slot 0 was changed on the disk"):
            stage.kernel.unseal(VAULT, VAULT, 0)
    assert stage.kernel.unseal(MAIL, MAIL, 0) == b"mail's", "another's blob suffers from it"
    stage.disk.image = image
    assert stage.kernel.unseal(VAULT, VAULT, 0) == SECRET


def index_in_force(kernel: SealedStorage, image: bytes) -> tuple[int, int]:
    """Where it begins, and how many bytes of it there are."""
    start = index_sector(kernel._which) * SECTOR
    return start, HEADER.size + Header(*HEADER.unpack_from(image, start)).size


def test_every_bit_of_an_index_counts(stage: Stage) -> None:
    stage.kernel.seal(VAULT, 0, SECRET, (VAULT, MAIL))
    image, kernel = stage.disk.image, stage.kernel
    start, size = index_in_force(kernel, image)
    assert kernel._load(kernel._which) is not None
    for at in range(start, start + size):
        for bit in range(8):
            stage.disk.image = flipped(image, at, bit)
            assert kernel._load(kernel._which) is None


def test_a_changed_index_is_refused_and_what_is_stored_is_unharmed(stage: Stage, rng: Random) -> None:
    stage.kernel.seal(VAULT, 0, SECRET, (VAULT,))
    for _ in range(5):
        image = stage.disk.image
        start, size = index_in_force(stage.kernel, image)
        stage.disk.image = changed = flipped(image, start + rng.randrange(size))
        for _ in range(2):
            with pytest.raises(StorageError, match=r"it holds change \d+, and the TPM has counted \d+"):
                stage.again().unseal(VAULT, VAULT, 0)
            assert stage.disk.image == changed, "it has written over what might be rescued"
        stage.disk.image = image
        assert stage.again().unseal(VAULT, VAULT, 0) == SECRET


def test_a_disk_cut_off_anywhere_is_refused_and_unharmed(stage: Stage, rng: Random) -> None:
    stage.kernel.seal(VAULT, 0, SECRET, (VAULT,))
    stage.kernel.seal(VAULT, 1, SECRET, (VAULT,))
    image = stage.disk.image
    start, size = index_in_force(stage.kernel, image)
    for end in (0, 1, HEADER.size - 1, start + HEADER.size, start + size - 1):
        stage.disk.image = image[:end]
        with pytest.raises(StorageError, match="no index on the disk is whole|it holds change"):
            stage.again().unseal(VAULT, VAULT, 0)
    for cell in range(2):
        for end in (*rng.sample(range(CELL_SECTORS * SECTOR), 20), 0, CELL_SECTORS * SECTOR - 1):
            stage.disk.image = image
            kernel = stage.kernel
            kernel.unseal(VAULT, VAULT, cell)
            stage.disk.image = image = stage.disk.image
            stage.disk.image = image[: cell_sector(cell) * SECTOR + end]
            with pytest.raises(StorageError, match=f"what is kept in slot {cell} was changed"):
                kernel.unseal(VAULT, VAULT, cell)
    stage.disk.image = image
    assert stage.again().unseal(VAULT, VAULT, 1) == SECRET


def test_another_machines_disk_is_refused(stage: Stage, rng: Random, tmp_path_factory: pytest.TempPathFactory) -> None:
    stage.kernel.seal(VAULT, 0, SECRET, (VAULT,))
    with Stage(tmp_path_factory.mktemp("other"), rng) as other:
        other.kernel.create()
        other.disk.image = stage.disk.image
        with pytest.raises(StorageError, match="no index on the disk is whole: the disk was changed or cut off, or is another's"):
            other.again().open()


def test_disk_and_tpm_put_back_together_are_not_noticed(stage: Stage) -> None:
    """What is not promised: whoever opens the case and puts back both has the machine of an hour ago."""
    stage.kernel.seal(VAULT, 0, b"old", (VAULT,))
    image, state = stage.disk.image, stage.machine.copy_state()
    stage.kernel.seal(VAULT, 0, b"new", (VAULT,))
    stage.disk.image = image
    stage.machine.replace_state(state)
    assert stage.again().unseal(VAULT, VAULT, 0) == b"old"


def test_a_disk_that_fails_closes_the_store_until_it_works_again(stage: Stage) -> None:
    stage.kernel.seal(VAULT, 0, SECRET, (VAULT,))
    stage.disk.fails = True
    for _ in range(2):
        with pytest.raises(StorageError, match="the disk cannot be written"):
            stage.kernel.seal(VAULT, 0, b"other", (VAULT,))
    stage.disk.fails = False
    assert stage.kernel.unseal(VAULT, VAULT, 0) == SECRET
    stage.kernel.seal(VAULT, 0, b"other", (VAULT,))
    assert stage.again().unseal(VAULT, VAULT, 0) == b"other"


def test_a_new_store_has_nothing_of_the_old_one(stage: Stage) -> None:
    stage.kernel.seal(VAULT, 0, SECRET, (VAULT,))
    image = stage.disk.image
    stage.kernel.create()
    with pytest.raises(StorageError, match=NOTHING):
        stage.kernel.unseal(VAULT, VAULT, 0)
    stage.kernel.seal(MAIL, 0, b"mail's", (MAIL,))
    stage.disk.image = image
    with pytest.raises(StorageError, match="no index on the disk is whole"):
        stage.again().open()


def test_keys_are_not_shown(stage: Stage) -> None:
    stage.kernel.seal(VAULT, 0, SECRET, (VAULT,))
    (entry,) = stage.kernel._opened().values()
    assert entry.key.hex() not in repr(entry) and repr(entry.key) not in repr(entry)
