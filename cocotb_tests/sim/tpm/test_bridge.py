"""What serves the register file's port: requests in, answers out, failures told once and for all."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.tpm import HASH_LOCALITY, HEADER_SIZE, ResetAnswer, TpmOp
from sim.tpm.bridge import AnswerByte, TpmBridge
from sim.tpm.swtpm import Swtpm

__all__: list[str] = []

GET_RANDOM = bytes.fromhex("80010000000c0000017b0010")
READ_17 = bytes.fromhex("8001000000140000017e00000001000b03000002")


@pytest.fixture
def tpm(tmp_path: Path) -> Iterator[Swtpm]:
    with Swtpm(tmp_path / "state") as made:
        yield made


def send(bridge: TpmBridge, command: bytes, locality: int = 0) -> bytes:
    answer: list[AnswerByte] = []
    for n, byte in enumerate(command, 1):
        assert not answer
        answer = bridge.take(TpmOp.COMMAND, locality, n == len(command), 1, 0xAAAA_AA00 | byte)
    assert [byte.last for byte in answer] == [False] * (len(answer) - 1) + [True]
    assert not any(byte.reset for byte in answer)
    return bytes(byte.data for byte in answer)


def test_commands(tpm: Swtpm) -> None:
    bridge = TpmBridge(tpm)
    assert bridge.present
    assert len(send(bridge, GET_RANDOM)) == HEADER_SIZE + 2 + 16
    assert send(bridge, GET_RANDOM) != send(bridge, GET_RANDOM)


@pytest.mark.parametrize("size", [0, 6, 9, 11, 13, 4096])
def test_a_command_that_is_not_as_long_as_it_says_is_refused_here(tpm: Swtpm, size: int) -> None:
    bridge = TpmBridge(tpm)
    assert send(bridge, GET_RANDOM[:2] + size.to_bytes(4, "big") + GET_RANDOM[6:]) == bytes.fromhex("80010000000a00000142")
    assert send(bridge, GET_RANDOM[:5]) == bytes.fromhex("80010000000a00000142")
    assert len(send(bridge, GET_RANDOM)) > HEADER_SIZE


def test_a_launch_under_any_masks(tpm: Swtpm, rng) -> None:
    bridge = TpmBridge(tpm)
    for _ in range(3):
        block = b""
        assert bridge.take(TpmOp.HASH_START, HASH_LOCALITY, True, 0, 0) == []
        for _ in range(rng.randrange(4000)):
            mask, word = rng.randrange(16), rng.getrandbits(32)
            block += bytes(word >> 8 * n & 0xFF for n in range(4) if mask >> n & 1)
            assert bridge.take(TpmOp.HASH_DATA, HASH_LOCALITY, True, mask, word) == []
        assert bridge.take(TpmOp.HASH_END, HASH_LOCALITY, True, 0, 0) == [AnswerByte(0, last=True)]
        assert send(bridge, READ_17)[-32:] == hashlib.sha256(bytes(32) + hashlib.sha256(block).digest()).digest()


def test_a_reset_forgets_what_had_come(tpm: Swtpm) -> None:
    bridge = TpmBridge(tpm)
    bridge.take(TpmOp.COMMAND, 0, False, 1, GET_RANDOM[0])
    assert bridge.take(TpmOp.RESET, 0, True, 0, 0) == [AnswerByte(0, last=True, reset=True)]
    assert len(send(bridge, GET_RANDOM)) > HEADER_SIZE
    bridge.take(TpmOp.HASH_START, HASH_LOCALITY, True, 0, 0)
    bridge.take(TpmOp.HASH_DATA, HASH_LOCALITY, True, 0xF, 1)
    assert bridge.take(TpmOp.RESET, 0, True, 0, 0) == [AnswerByte(ResetAnswer.ESTABLISHED, last=True, reset=True)]
    assert send(bridge, READ_17)[-32:] == b"\xff" * 32
    bridge.take(TpmOp.CLEAR_ESTABLISHMENT, 3, True, 0, 0)
    assert bridge.take(TpmOp.RESET, 0, True, 0, 0) == [AnswerByte(0, last=True, reset=True)]


def test_no_tpm() -> None:
    bridge = TpmBridge(None)
    assert not bridge.present and bridge.failure == "there is no TPM"
    for op in TpmOp:
        assert bridge.take(op, 0, True, 0xF, 0) == []


def test_one_that_dies_is_not_present_any_more(tpm: Swtpm) -> None:
    bridge = TpmBridge(tpm)
    send(bridge, GET_RANDOM)
    tpm.kill()
    assert not bridge.present and bridge.failure
    for op in TpmOp:
        assert bridge.take(op, 0, True, 0xF, 0) == []


def test_one_that_does_not_do_as_it_is_told_has_failed(tpm: Swtpm) -> None:
    bridge = TpmBridge(tpm)
    assert bridge.take(TpmOp.CLEAR_ESTABLISHMENT, 0, True, 0, 0) == []  # swtpm refuses that to this locality
    assert not bridge.present and "RESET_ESTABLISHED" in bridge.failure
