"""The TPM's driver: commands through the registers at FED40000h, in the locality that is the launched kernel's alone.

Every wait has an end. A TPM that is absent, dies, hangs or answers nonsense, and one that refuses a command, is a ``TpmError`` of one line;
no message holds what a command or an answer held.
"""

import struct
from collections.abc import Iterator

from contracts import tpm2
from contracts.machine import Machine
from contracts.memory_map import Physical
from contracts.registers import WORD_SIZE
from contracts.tpm import BUFFER_SIZE, HEADER_SIZE, LOCALITY_STRIDE, SIZE_END, SIZE_START, TPM
from contracts.tpm2 import Answer, Command

__all__ = ["LOCALITY", "Tpm", "TpmError"]

LOCALITY = 2
_LOOKS = 1_000_000  # at a register, before the TPM counts as dead; its register file gives up by itself as well
_BURST = TPM["STS"].field("BURST_COUNT")
# What a register that is there never reads as: one that does not answer reads as ones.
_NEVER = {"ACCESS": ("SEIZE",), "STS": ("GO", "RESPONSE_RETRY")}


class TpmError(Exception):
    """The TPM does not answer, or refuses a command."""


class Tpm:
    """The TPM of a machine, in one locality."""

    def __init__(self, machine: Machine, locality: int = LOCALITY, looks: int = _LOOKS) -> None:
        self._machine, self._locality, self._looks = machine, locality, looks

    def run(self, code: Command, *handles: int, parameters: bytes = b"", sessions: tuple[int, ...] = ()) -> Answer:
        """Carry out a command."""
        answer = self._exchange(tpm2.command(code, handles, parameters, sessions))
        if refused := tpm2.result(answer):
            raise TpmError(f"the TPM refuses {code.name}: {tpm2.reason(refused)}")
        try:
            return tpm2.opened(code, answer)
        except struct.error:
            raise TpmError(f"the TPM's answer to {code.name} is too short") from None

    def random(self, size: int) -> bytes:
        """Random bytes, at most 32: the TPM's, so that a run of the kernel follows from what it has read of the machine."""
        drawn = self.run(Command.GET_RANDOM, parameters=size.to_bytes(2, "big")).first
        if len(drawn) != size:
            raise TpmError("the TPM draws too few random bytes")
        return drawn

    def _exchange(self, command: bytes) -> bytes:
        self._write("ACCESS", "REQUEST_USE")
        self._write("ACCESS", "SEIZE")  # from a lower locality, which may have had it, or have asked for it, since before the launch
        self._wait("ACCESS", "ACTIVE_LOCALITY", "VALID")
        self._write("STS", "COMMAND_READY")
        self._wait("STS", "COMMAND_READY")
        try:
            for at in self._places(0, len(command)):
                self._machine.write32(self._address("DATA_FIFO"), int.from_bytes(command[at : at + WORD_SIZE], "little"))
            self._write("STS", "GO")
            answer = self._continued(b"", HEADER_SIZE)
            size = int.from_bytes(answer[SIZE_START:SIZE_END], "big")
            if not HEADER_SIZE <= size <= BUFFER_SIZE:
                raise TpmError("the TPM's answer has an impossible size")
            return self._continued(answer, size)[:size]
        finally:
            self._write("STS", "COMMAND_READY")  # ends what is under way, and nobody reads the answer again
            self._write("ACCESS", "ACTIVE_LOCALITY")  # gives the TPM up

    def _continued(self, answer: bytes, size: int) -> bytes:
        """``answer`` as far as it has come, and on in whole words."""
        for _ in self._places(len(answer), size, "DATA_AVAILABLE", "VALID"):
            answer += self._machine.read32(self._address("DATA_FIFO")).to_bytes(WORD_SIZE, "little")
        self._wait("STS", "VALID")  # a TPM that has died meanwhile has read as ones, which are not to pass for random bytes
        return answer

    def _places(self, begin: int, end: int, *flags: str) -> Iterator[int]:
        """Places of words, each as soon as it may be moved. Bytes beyond the end of a command are dropped, beyond that of an answer FFh."""
        room = 0
        for at in range(begin, end, WORD_SIZE):
            if room < WORD_SIZE:
                room = self._wait("STS", *flags, burst=min(WORD_SIZE, end - at))
            room -= WORD_SIZE
            yield at

    def _wait(self, name: str, *flags: str, burst: int = 0) -> int:
        """Until the register shows these flags, and that so many bytes can be moved; how many can."""
        mask, never = (sum(TPM[name].field(flag).mask for flag in group) for group in (flags, _NEVER[name]))
        for _ in range(self._looks):
            value = self._machine.read32(self._address(name))
            if value & never:
                raise TpmError(f"no TPM answers in locality {self._locality}: it is absent, has failed, or there was no launch")
            if value & mask == mask and _BURST.get(value) >= burst:
                return _BURST.get(value)
        raise TpmError("the TPM hangs: it does not do what it was asked to")

    def _write(self, name: str, flag: str) -> None:
        self._machine.write32(self._address(name), TPM[name].field(flag).mask)

    def _address(self, name: str) -> int:
        return Physical.TPM + self._locality * LOCALITY_STRIDE + TPM[name].offset
