"""What serves the register file's port in simulation: requests in, answers out, a swtpm behind it.

It knows no simulator: a testbench, or whoever runs a model, hands it each transfer of ``chipset.devices.tpm.port.TpmRequest`` in turn and
gives the bytes that it returns back to the circuit.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from contracts.tpm import BUFFER_SIZE, HEADER_SIZE, SIZE_END, SIZE_START, ResetAnswer, TpmOp
from sim.tpm.swtpm import Swtpm, TpmError

__all__ = ["AnswerByte", "TpmBridge"]

_COMMAND_SIZE = 0x142  # TPM_RC_COMMAND_SIZE
_NO_SESSIONS = 0x8001  # TPM_ST_NO_SESSIONS
_REFUSED = struct.pack(">HII", _NO_SESSIONS, HEADER_SIZE, _COMMAND_SIZE)
_LANES = 4


@dataclass(frozen=True)
class AnswerByte:
    """One transfer of ``chipset.devices.tpm.port.TpmAnswer``."""

    data: int
    last: bool
    reset: bool = False


class TpmBridge:
    """Between the port and a TPM; with ``None`` there is no TPM.

    ``present`` is to be shown at the port, and looked at again from time to time: a TPM that dies, or does not do what its pins ask for, is
    not present any more. An error that the TPM answers is an answer like any other.
    """

    def __init__(self, tpm: Swtpm | None) -> None:
        self._tpm = tpm
        self._command = bytearray()
        self._measured = bytearray()
        self._failure = "" if tpm is not None else "there is no TPM"

    @property
    def present(self) -> bool:
        """Whether there is a TPM that works."""
        return not self.failure

    @property
    def failure(self) -> str:
        """Why there is none, in one line; empty if there is one."""
        if not self._failure and self._tpm is not None and not self._tpm.alive:
            self._failure = "the TPM has died"
        return self._failure

    def take(self, op: int, locality: int, last: bool, mask: int, data: int) -> list[AnswerByte]:
        """One transfer; what answers it, if anything does yet."""
        if self._tpm is None or not self.present:
            return []
        taken = bytes(data >> 8 * n & 0xFF for n in range(_LANES) if mask >> n & 1)
        try:
            return list(self._do(self._tpm, TpmOp(op), locality, last, taken))
        except TpmError as error:
            self._failure = str(error)
            return []

    def _do(self, tpm: Swtpm, op: TpmOp, locality: int, last: bool, taken: bytes) -> Iterator[AnswerByte]:
        match op:
            case TpmOp.RESET:
                self._command.clear()
                self._measured.clear()
                tpm.reset()
                yield AnswerByte(ResetAnswer.ESTABLISHED if tpm.established() else 0, last=True, reset=True)
            case TpmOp.COMMAND:
                self._command += taken
                if last:
                    command, self._command = bytes(self._command), bytearray()
                    yield from _bytes(self._answer(tpm, command, locality))
            case TpmOp.HASH_START:
                self._measured.clear()
                tpm.hash_start()
            case TpmOp.HASH_DATA:
                self._measured += taken
                if len(self._measured) >= BUFFER_SIZE:
                    self._measure(tpm)
            case TpmOp.HASH_END:
                self._measure(tpm)
                tpm.hash_end()
                yield AnswerByte(0, last=True)
            case TpmOp.CLEAR_ESTABLISHMENT:
                tpm.clear_established(locality)

    def _measure(self, tpm: Swtpm) -> None:
        tpm.hash_data(bytes(self._measured))
        self._measured.clear()

    @staticmethod
    def _answer(tpm: Swtpm, command: bytes, locality: int) -> bytes:
        """The frame is the interface's matter: a TPM refuses a command whose size is not that of the bytes that came, and so is it here,
        since swtpm would wait for the others."""
        said = int.from_bytes(command[SIZE_START:SIZE_END], "big")
        if said != len(command) or said < HEADER_SIZE:
            return _REFUSED
        return tpm.command(command, locality)


def _bytes(answer: bytes) -> Iterator[AnswerByte]:
    for n, byte in enumerate(answer, 1):
        yield AnswerByte(byte, last=n == len(answer))
