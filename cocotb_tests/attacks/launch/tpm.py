"""TPM commands as bytes, and a TPM whose register file, or whose interface, is not what it should be."""

import hashlib
import struct
from collections.abc import Iterator

from contracts.memory_map import Physical
from contracts.tpm import LOCALITY_STRIDE, TPM
from firmware.launcher.steps import Do, Step
from sim.tpm.bridge import AnswerByte, TpmBridge
from sim.tpm.swtpm import Swtpm

__all__ = ["Deaf", "Refusing", "extend", "extended", "offset", "pcrs", "reset_of", "sends", "takes"]

_READ = bytes.fromhex("80010000001400000 17e00000001000b03".replace(" ", "")) + bytes((0, 0, 0b110))  # PCR 17 and 18 of the SHA-256 bank
_DIGEST = 32
_PASSWORD = bytes.fromhex("00000009 40000009 0000 00 0000")  # an authorization by the empty password
_ONE_SHA256 = bytes.fromhex("00000001 000b")
_EXTEND, _RESET = 0x182, 0x13D  # TPM2_PCR_Extend, TPM2_PCR_Reset
_SESSIONS, _NO_SESSIONS = 0x8002, 0x8001
_RETRY = 0x922  # TPM_RC_RETRY
_KERNELS = 3  # locality
_HEADER = struct.Struct(">HII")


def _command(code: int, pcr: int, parameters: bytes = b"") -> bytes:
    body = struct.pack(">I", pcr) + _PASSWORD + parameters
    return _HEADER.pack(_SESSIONS, _HEADER.size + len(body), code) + body


def extend(pcr: int, digest: bytes) -> bytes:
    """TPM2_PCR_Extend in the SHA-256 bank."""
    return _command(_EXTEND, pcr, _ONE_SHA256 + digest)


def reset_of(pcr: int) -> bytes:
    """TPM2_PCR_Reset."""
    return _command(_RESET, pcr)


def pcrs(tpm: Swtpm) -> tuple[bytes, bytes]:
    """What PCR 17 and PCR 18 hold."""
    answer = tpm.command(_READ)
    _tag, size, code = _HEADER.unpack(answer[: _HEADER.size])
    assert not code, hex(code)
    return answer[size - 2 * _DIGEST - 2 : size - _DIGEST - 2], answer[size - _DIGEST : size]


def extended(pcr: bytes, *digests: bytes) -> bytes:
    """The PCR behind these events."""
    for digest in digests:
        pcr = hashlib.sha256(pcr + digest).digest()
    return pcr


def offset(name: str, locality: int = 0) -> int:
    """The address of a register of the TPM."""
    return Physical.TPM + locality * LOCALITY_STRIDE + TPM[name].offset


def takes(locality: int) -> Iterator[Step]:
    """Steps by which a locality gets the TPM, and makes it ready."""
    yield Step(Do.WRITE_8, offset("ACCESS", locality), TPM["ACCESS"].field("REQUEST_USE").mask)
    yield Step(Do.POLL, offset("ACCESS", locality), TPM["ACCESS"].field("ACTIVE_LOCALITY").mask)
    yield Step(Do.WRITE_8, offset("STS", locality), TPM["STS"].field("COMMAND_READY").mask)
    yield Step(Do.POLL, offset("STS", locality), TPM["STS"].field("COMMAND_READY").mask)


def sends(command: bytes, locality: int) -> Iterator[Step]:
    """Steps by which a locality sends a command and waits for its answer."""
    yield from takes(locality)
    yield from (Step(Do.WRITE_8, offset("DATA_FIFO", locality), byte) for byte in command)
    yield Step(Do.WRITE_8, offset("STS", locality), TPM["STS"].field("GO").mask)
    yield Step(Do.POLL, offset("STS", locality), TPM["STS"].field("DATA_AVAILABLE").mask)
    yield Step(Do.WRITE_8, offset("ACCESS", locality), TPM["ACCESS"].field("ACTIVE_LOCALITY").mask)


class Deaf(TpmBridge):
    """A way to the TPM on which it is not told who asks, and takes everybody for a kernel that was launched."""

    def take(self, op: int, locality: int, last: bool, mask: int, data: int) -> list[AnswerByte]:
        """As of ``TpmBridge``."""
        return super().take(op, _KERNELS, last, mask, data)


class Refusing(Swtpm):
    """A TPM that answers so many extensions, and each further one with an error, as it may whenever it is busy; None: it has time."""

    extensions: int | None = None

    def command(self, command: bytes, locality: int = 0) -> bytes:
        """As of ``Swtpm``."""
        if self.extensions is not None and _HEADER.unpack(command[: _HEADER.size])[2] == _EXTEND:
            if not self.extensions:
                return _HEADER.pack(_NO_SESSIONS, _HEADER.size, _RETRY)
            self.extensions -= 1
        return super().command(command, locality)
