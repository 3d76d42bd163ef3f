"""A few commands of TPM 2.0, and what is in their answers."""

import struct

from contracts.tpm import HEADER_SIZE, SIZE_END, SIZE_START
from contracts.tpm2 import Command, Handle, command, extension, pcr_selection, result

__all__ = [
    "BAD_LOCALITY", "COMMAND_SIZE", "SUCCESS", "body", "code", "get_random", "pcr_extend", "pcr_read", "pcr_reset", "pcr_value",
    "random_bytes",
]  # fmt: skip

SUCCESS = 0
BAD_LOCALITY = 0x907  # TPM_RC_LOCALITY
COMMAND_SIZE = 0x142  # TPM_RC_COMMAND_SIZE


def get_random(size: int) -> bytes:
    """TPM2_GetRandom."""
    return command(Command.GET_RANDOM, (), struct.pack(">H", size), ())


def pcr_read(pcr: int) -> bytes:
    """TPM2_PCR_Read of one SHA-256 register."""
    return command(Command.PCR_READ, (), pcr_selection((pcr,)), ())


def pcr_extend(pcr: int, digest: bytes) -> bytes:
    """TPM2_PCR_Extend of the SHA-256 bank."""
    return command(Command.PCR_EXTEND, (pcr,), extension(digest), (Handle.PASSWORD,))


def pcr_reset(pcr: int) -> bytes:
    """TPM2_PCR_Reset."""
    return command(Command.PCR_RESET, (pcr,), b"", (Handle.PASSWORD,))


def code(answer: bytes) -> int:
    """An answer's code; its size must be that of its header."""
    assert int.from_bytes(answer[SIZE_START:SIZE_END], "big") == len(answer)
    return result(answer)


def body(answer: bytes) -> bytes:
    """What follows the header of an answer that is no error."""
    assert code(answer) == SUCCESS, f"the TPM answers {code(answer):#x}"
    return answer[HEADER_SIZE:]


def random_bytes(answer: bytes) -> bytes:
    """What TPM2_GetRandom has answered."""
    (size,) = struct.unpack(">H", body(answer)[:2])
    assert len(body(answer)) == 2 + size
    return body(answer)[2:]


def pcr_value(answer: bytes) -> bytes:
    """What TPM2_PCR_Read has answered."""
    return body(answer)[-32:]
