"""The kernel's TPM driver, on the chipset's register file with a real TPM behind it: what it moves, and how it fails."""

import hashlib
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from random import Random
from typing import cast

import pytest

from cocotb_tests.isolation_kernel.sealed.machine import TpmMachine
from cocotb_tests.isolation_kernel.sealed.stage import GENUINE, MAIL, VAULT, Stage
from contracts.memory_map import Physical
from contracts.sealed_storage import StorageError
from contracts.tpm import LOCALITY_STRIDE, TPM
from contracts.tpm2 import Algorithm, Command, Handle, sized
from isolation_kernel.sealing import Sealing
from isolation_kernel.storage import SealedStorage
from isolation_kernel.tpm import LOCALITY, Tpm, TpmError

__all__: list[str] = []

MOST_HASHED = 1024  # bytes: TPM2_MAX_DIGEST_BUFFER
SECRET = b"the vault's secret, of which no message may speak"


class Other(IntEnum):
    """A command that the kernel does not use."""

    HASH = 0x17D


def hash_of(tpm: Tpm, data: bytes) -> bytes:
    parameters = sized(data) + Algorithm.SHA256.to_bytes(2, "big") + Handle.NULL.to_bytes(4, "big")
    return tpm.run(cast(Command, Other.HASH), parameters=parameters).first


@pytest.mark.parametrize("size", [*range(10), 63, 64, 65, 127, 128, 129, MOST_HASHED - 1, MOST_HASHED])
def test_commands_of_every_size_arrive_whole(stage: Stage, size: int, rng: Random) -> None:
    data = rng.randbytes(size)
    assert hash_of(stage.tpm, data) == hashlib.sha256(data).digest()


def test_answers_of_every_size(stage: Stage) -> None:
    for size in range(33):
        assert len(stage.tpm.random(size)) == size
    assert stage.tpm.random(32) != stage.tpm.random(32)
    with pytest.raises(TpmError, match="the TPM draws too few random bytes"):
        stage.tpm.random(1000)


def test_an_error_of_the_tpm_is_told_in_words(stage: Stage) -> None:
    with pytest.raises(TpmError, match="refuses EVICT_CONTROL: there is no such object in this TPM"):
        stage.tpm.run(Command.EVICT_CONTROL, Handle.OWNER, 0x8101_0000, parameters=bytes(4), sessions=(Handle.PASSWORD,))
    with pytest.raises(TpmError, match=r"refuses CREATE_PRIMARY: an error \(0x\w+\)"):
        stage.tpm.run(Command.CREATE_PRIMARY, Handle.OWNER, parameters=b"nonsense", sessions=(Handle.PASSWORD,))
    assert len(stage.tpm.random(8)) == 8


def test_without_a_launch_the_kernels_locality_does_not_answer(stage: Stage) -> None:
    stage.machine.power_cycle()
    with pytest.raises(TpmError, match="no TPM answers in locality 2: it is absent, has failed, or there was no launch"):
        stage.tpm.random(8)
    assert len(Tpm(stage.machine.seen_by_kernel, 0).random(8)) == 8


def test_without_the_authority_neither(stage: Stage) -> None:
    stage.machine.privileged = False
    with pytest.raises(TpmError, match="no TPM answers"):
        stage.tpm.random(8)


def test_no_tpm(tmp_path: Path) -> None:
    with TpmMachine(tmp_path, absent=True) as machine:
        machine.pretend_launch()
        with pytest.raises(TpmError, match="no TPM answers"):
            Tpm(machine.seen_by_kernel).random(8)


def test_the_answer_can_be_read_once(stage: Stage) -> None:
    """An unsealed root key must not lie in the FIFO for whoever comes next."""
    stage.kernel.seal(VAULT, 0, SECRET, (VAULT,))
    root = Sealing(stage.tpm).root_key()
    page = Physical.TPM + LOCALITY * LOCALITY_STRIDE
    for write in (("ACCESS", "REQUEST_USE"), ("STS", "RESPONSE_RETRY")):
        stage.machine.write32(page + TPM[write[0]].offset, TPM[write[0]].field(write[1]).mask)
        stage.machine.read32(page + TPM["STS"].offset)
    found = b"".join(stage.machine.read32(page + TPM["DATA_FIFO"].offset).to_bytes(4, "little") for _ in range(64))
    assert root[:8] not in found and set(found) == {0xFF}


def test_a_tpm_that_goes_away_at_any_access_is_never_taken_for_one_that_answers_ones(stage: Stage) -> None:
    """A register file without a TPM reads as ones, in the FIFO, too: a key that was drawn at that moment would be known to everybody."""
    machine = stage.machine
    before = machine.accesses
    stage.tpm.random(32)
    needed = machine.accesses - before
    for at in range(needed):
        machine.gone_at = machine.accesses + 1 + at
        try:
            drawn = stage.tpm.random(32)
            assert at >= needed - 2 and len(drawn) == 32 and b"\xff" * 4 not in drawn, "it had answered before it went"
        except TpmError as error:
            assert "no TPM answers" in str(error)
        stage.launch()


def dies(machine: TpmMachine) -> None:
    assert machine.tpm is not None
    machine.tpm.kill()


def falls_silent(machine: TpmMachine) -> None:
    machine.silent = True


def talks_nonsense(machine: TpmMachine) -> None:
    machine.garbled = True


FAULTS: tuple[Callable[[TpmMachine], None], ...] = (dies, falls_silent, talks_nonsense)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_before_any_command_is_one_clear_failure_and_loses_nothing(fault, stage: Stage, rng: Random) -> None:
    """At every command of opening, reading and changing: one line, nothing secret in it, and what was acknowledged is there afterwards."""
    stage.kernel.seal(VAULT, 0, SECRET, (VAULT,))
    machine = stage.machine

    def work() -> None:
        kernel = SealedStorage(Sealing(Tpm(machine.seen_by_kernel, looks=200)), stage.disk)
        assert kernel.unseal(VAULT, VAULT, 0) == SECRET
        kernel.seal(MAIL, 0, SECRET, (MAIL,))

    machine.power.steps = 0
    work()
    steps = machine.power.steps  # the last two are those of the last command
    for at in sorted(rng.sample(range(steps - 1), 8)):
        machine.fault_at(at, fault)
        with pytest.raises((TpmError, StorageError)) as told:
            work()
        chain: BaseException | None = told.value
        while chain is not None:
            assert str(chain) and "\n" not in str(chain) and "secret" not in repr(chain), repr(chain)
            chain = chain.__cause__ or chain.__context__
        machine.repair()
        stage.launch(GENUINE)
        assert stage.kernel.unseal(VAULT, VAULT, 0) == SECRET
