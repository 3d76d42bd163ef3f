"""A model that Python wakes up for only when the TPM is asked for something."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cocotb_tests.sim.tpm.served_top import SPEC
from contracts.tpm import HEADER_SIZE, TPM, HashOp
from sim.model import Model, build_model
from sim.tpm.bridge import TpmBridge
from sim.tpm.served import TPM_ASKS, ServedTpm
from sim.tpm.swtpm import Swtpm

__all__: list[str] = []

ACCESS, STS, FIFO = (TPM[name].offset // 4 for name in ("ACCESS", "STS", "DATA_FIFO"))
GET_RANDOM = bytes.fromhex("80010000000c0000017b0020")
READ_17 = bytes.fromhex("8001000000140000017e00000001000b03000002")
FEW, MANY, LIMIT = 8, 300, 20_000  # cycles: to change a state, to move an answer, to do anything


class Played:
    """The model and its TPM, out of the platform's reset."""

    def __init__(self, model: Model, tpm: Swtpm | None) -> None:
        self.model, self.served = model, ServedTpm(model, TpmBridge(tpm))
        self.served.serve()

    def access(self, address: int, mask: int, write: int | None = None, hashes: bool = False) -> int:
        request = (int(hashes), int(write is not None), 0, 0, address, mask, write or 0, 1)
        return self.model.transact([request])[0][0]

    def until_asked(self) -> None:
        """Nobody looks at the TPM before it is asked for something."""
        assert self.model.run(LIMIT, stops=(TPM_ASKS,)).stops
        self.served.serve()
        self.model.run(MANY, stops=())
        assert not self.model.get(TPM_ASKS)

    def command(self, command: bytes) -> bytes:
        self.access(ACCESS, 1, TPM["ACCESS"].field("REQUEST_USE").mask)
        self.model.run(FEW, stops=())
        self.access(STS, 1, TPM["STS"].field("COMMAND_READY").mask)
        for byte in command:
            self.access(FIFO, 1, byte)
        self.access(STS, 1, TPM["STS"].field("GO").mask)
        self.until_asked()
        head = bytes(self.access(FIFO, 1) & 0xFF for _ in range(HEADER_SIZE))
        return head + bytes(self.access(FIFO, 1) & 0xFF for _ in range(int.from_bytes(head[2:6], "big") - HEADER_SIZE))


@pytest.fixture
def model() -> Iterator[Model]:
    with Model(build_model(SPEC)) as made:
        yield made


def test_commands_a_launch_and_a_platform_reset(model: Model, tmp_path: Path, rng) -> None:
    block = rng.randbytes(1000)
    with Swtpm(tmp_path / "state") as tpm:
        played = Played(model, tpm)
        played.until_asked()
        assert len(played.command(GET_RANDOM)) == HEADER_SIZE + 2 + 32
        played.access(HashOp.START, 0, 0, hashes=True)
        for at in range(0, len(block), 4):
            played.access(HashOp.DATA, 0xF, int.from_bytes(block[at : at + 4], "little"), hashes=True)
        model.set("end", 1)
        played.until_asked()
        model.set("end", 0)
        measured = hashlib.sha256(bytes(32) + hashlib.sha256(block).digest()).digest()
        assert played.command(READ_17)[-32:] == measured == tpm.command(READ_17)[-32:]

        played.access(STS, 1, TPM["STS"].field("COMMAND_READY").mask)
        for byte in GET_RANDOM:
            played.access(FIFO, 1, byte)
        played.access(STS, 1, TPM["STS"].field("GO").mask)
        assert model.run(LIMIT, stops=(TPM_ASKS,)).stops  # the platform is reset before anybody has looked
        model.set("platform_reset", 1)
        model.run(FEW, stops=())
        model.set("platform_reset", 0)
        model.run(FEW, stops=())
        played.until_asked()
        assert played.access(ACCESS, 1) & TPM["ACCESS"].field("VALID").mask
        assert played.command(READ_17)[-32:] == b"\xff" * 32


def test_one_that_dies_and_none_at_all(model: Model, tmp_path: Path) -> None:
    with Swtpm(tmp_path / "state") as tpm:
        played = Played(model, tpm)
        played.until_asked()
        assert played.access(ACCESS, 1) & 0xFF == TPM["ACCESS"].reset
        tpm.kill()
        played.served.serve()
        model.run(FEW, stops=())
        assert played.access(ACCESS, 1) & 0xFF == 0xFF
    with Model(build_model(SPEC)) as other:
        played = Played(other, None)
        other.run(FEW, stops=())
        assert played.access(ACCESS, 1) & 0xFF == 0xFF
        assert not other.get(TPM_ASKS)
