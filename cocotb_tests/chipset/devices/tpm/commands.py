"""A few commands of TPM 2.0, and what is in their answers."""

import struct

from contracts.tpm import HEADER_SIZE

__all__ = [
    "BAD_LOCALITY", "COMMAND_SIZE", "SUCCESS", "body", "code", "get_random", "pcr_extend", "pcr_read", "pcr_reset", "pcr_value",
    "random_bytes",
]  # fmt: skip

SUCCESS = 0
BAD_LOCALITY = 0x907  # TPM_RC_LOCALITY
COMMAND_SIZE = 0x142  # TPM_RC_COMMAND_SIZE
_HEADER = struct.Struct(">HII")
_NO_SESSIONS, _SESSIONS = 0x8001, 0x8002
_GET_RANDOM, _PCR_READ, _PCR_EXTEND, _PCR_RESET = 0x17B, 0x17E, 0x182, 0x13D
_SHA256 = 0x000B
_PASSWORD = 0x4000_0009  # TPM_RS_PW
_AUTHORIZATION = struct.pack(">IIHBH", 9, _PASSWORD, 0, 0, 0)  # an empty password, in a session area of 9 bytes


def _command(tag: int, number: int, rest: bytes) -> bytes:
    return _HEADER.pack(tag, HEADER_SIZE + len(rest), number) + rest


def get_random(size: int) -> bytes:
    """TPM2_GetRandom."""
    return _command(_NO_SESSIONS, _GET_RANDOM, struct.pack(">H", size))


def pcr_read(pcr: int) -> bytes:
    """TPM2_PCR_Read of one SHA-256 register."""
    selected = bytes(1 << pcr % 8 if n == pcr // 8 else 0 for n in range(3))
    return _command(_NO_SESSIONS, _PCR_READ, struct.pack(">IHB", 1, _SHA256, len(selected)) + selected)


def pcr_extend(pcr: int, digest: bytes) -> bytes:
    """TPM2_PCR_Extend of the SHA-256 bank."""
    return _command(_SESSIONS, _PCR_EXTEND, struct.pack(">I", pcr) + _AUTHORIZATION + struct.pack(">IH", 1, _SHA256) + digest)


def pcr_reset(pcr: int) -> bytes:
    """TPM2_PCR_Reset."""
    return _command(_SESSIONS, _PCR_RESET, struct.pack(">I", pcr) + _AUTHORIZATION)


def code(answer: bytes) -> int:
    """An answer's code; its size must be that of its header."""
    _tag, size, number = _HEADER.unpack(answer[:HEADER_SIZE])
    assert size == len(answer)
    return int(number)


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
