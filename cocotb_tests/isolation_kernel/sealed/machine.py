"""A machine of which there is the TPM alone: a real one (swtpm) behind the chipset's own register file, and a launch by its locality 4."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import cast

from cocotb_tests.sim.tpm.served_top import SPEC
from contracts.machine import Machine
from contracts.memory_map import PAGE_SIZE, Physical
from contracts.registers import WORD_SIZE
from contracts.tpm import TPM, HashOp, TpmOp
from sim.model import Model, build_model
from sim.tpm.bridge import AnswerByte, TpmBridge
from sim.tpm.served import TPM_ASKS, ServedTpm
from sim.tpm.swtpm import Swtpm

__all__ = ["Power", "PowerCut", "TpmMachine"]

_STS = TPM["STS"]
_FEW, _MANY = 8, 10_000  # cycles: between two accesses, and more than any step of a launch takes
_LOOK = 64  # accesses between two looks at whether the TPM still lives


class PowerCut(BaseException):
    """There is no power any more; nothing that handles errors handles this."""


class Power:
    """Of machine and disk. It fails before the step number ``fails_at`` (from 0), or not at all. A step is a sector that is written, a
    flush, or a command of the TPM; of the last two there are two steps, one before it has had its effect and one after."""

    def __init__(self) -> None:
        self.steps, self.fails_at = 0, -1

    def step(self) -> None:
        """One more, or none ever after."""
        self.on()
        self.steps += 1
        self.on()

    def on(self) -> None:
        """PowerCut if it is off."""
        if 0 <= self.fails_at < self.steps:
            raise PowerCut

    def back(self) -> None:
        """On again."""
        self.__init__()  # type: ignore[misc]


class _Garbling(TpmBridge):
    """Turns over the bits of the answers while ``machine`` says so."""

    def __init__(self, machine: "TpmMachine", tpm: Swtpm) -> None:
        super().__init__(tpm)
        self._machine = machine

    def take(self, op: int, locality: int, last: bool, mask: int, data: int) -> list[AnswerByte]:
        answer = super().take(op, locality, last, mask, data)
        return [replace(byte, data=byte.data ^ 0xFF) for byte in answer] if self._machine.garbled and op == TpmOp.COMMAND else answer


class TpmMachine:
    """``read32`` and ``write32`` come with ring −1's authority unless ``privileged`` is cleared; a context manager.

    ``accesses``: how many there were; ``state``: the folder of the TPM's state.
    ``silent``: the TPM answers no more; ``garbled``: what it answers is not what a TPM does; ``gone_at``: before this access, counted by
    ``accesses``, it goes away, until power is lost.
    """

    def __init__(self, state: Path, absent: bool = False) -> None:
        self.state = state
        self.tpm: Swtpm | None = None
        self.privileged = True
        self.accesses = 0
        self.power = Power()
        self.silent = self.garbled = False
        self.gone_at = 0
        self._fault: tuple[int, Callable[[TpmMachine], None]] | None = None
        self._model = Model(build_model(SPEC))
        if absent:
            self._served = ServedTpm(self._model, TpmBridge(None))
        else:
            self._start()
        self._reset()

    def __enter__(self) -> "TpmMachine":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End it; the TPM's state stays."""
        self._model.close()
        if self.tpm is not None:
            self.tpm.close()

    def _reset(self) -> None:
        self._served.serve()
        self._model.set("launched", 0)
        self._model.set("platform_reset", 1)
        self._model.run(_FEW, stops=())
        self._model.set("platform_reset", 0)
        self._settle()

    def fault_at(self, step: int, fault: "Callable[[TpmMachine], None]") -> None:
        """Let this happen at the next command of the TPM from that step of ``power`` on."""
        self.power.back()
        self._fault = step, fault

    def repair(self) -> None:
        """A fault, if there was one, is over; a TPM that has died is started again."""
        self.silent = self.garbled = False
        self._fault = None
        if self.tpm is not None and not self.tpm.alive:
            self.tpm.close()
            self._start()

    def _start(self) -> None:
        self.tpm = Swtpm(self.state)
        self._served = ServedTpm(self._model, _Garbling(self, self.tpm))

    def _until_asked(self) -> None:
        """The TPM carries out what it is asked for."""
        if self._fault is not None and self.power.steps > self._fault[0]:
            fault, self._fault = self._fault[1], None
            fault(self)
        if not self.silent and self._model.run(_MANY, stops=(TPM_ASKS,)).stops:
            self._served.serve()

    def _settle(self) -> None:
        """Let the TPM do what it is asked for, if it is asked."""
        if self._model.run(_FEW, stops=(TPM_ASKS,)).stops and not self.silent:
            self._served.serve()
            self._model.run(_FEW, stops=())

    def power_cycle(self) -> None:
        """Power lost and back: what was written to the TPM's own memory is there, and nothing else."""
        self.power.back()
        self._reset()

    def replace_state(self, old: Path) -> None:
        """Put an earlier state in the place of the TPM's (a chip taken out and put back), and power on."""
        assert self.tpm is not None
        self.tpm.kill()
        self.tpm.close()
        shutil.rmtree(self.state)
        shutil.copytree(old, self.state)
        self._start()
        self._reset()

    def copy_state(self) -> Path:
        """The TPM's state as it is now, in a folder of its own beside it."""
        copy = Path(tempfile.mkdtemp(dir=self.state.parent)) / "state"
        shutil.copytree(self.state, copy)
        return copy

    def read32(self, address: int) -> int:
        """One word of the registers."""
        self.power.on()
        self._settle()
        return self._access(address)

    def write32(self, address: int, value: int) -> None:
        """One word to the registers."""
        self.power.on()
        goes = (address - Physical.TPM) % PAGE_SIZE == _STS.offset and value == _STS.field("GO").mask
        if goes:
            self.power.step()
        self._access(address, value)
        if goes:
            self._until_asked()
            self.power.step()

    def _access(self, address: int, value: int | None = None) -> int:
        page, offset = divmod(address - Physical.TPM, PAGE_SIZE)
        self.accesses += 1
        if self.accesses == self.gone_at:
            self._model.set("tpm_present", 0)
            self._model.run(_FEW, stops=())
        if self.accesses % _LOOK == 0 and not self.silent:
            self._served.serve()
        request = (0, int(value is not None), int(self.privileged), page, offset // WORD_SIZE, 0xF, value or 0, 1)
        return self._model.transact([request])[0][0]

    def pretend_launch(self) -> None:
        """Localities 1 to 3 answer, and nothing was measured."""
        self._model.set("launched", 1)

    def hash_block(self, block: bytes) -> None:
        """What SKINIT sends in locality 4."""
        self._model.set("launched", 1)
        for op, data in ((HashOp.START, b""), *((HashOp.DATA, block[at : at + WORD_SIZE]) for at in range(0, len(block), WORD_SIZE))):
            self._model.transact([(1, 0, 0, 0, op, (1 << len(data)) - 1, int.from_bytes(data, "little"), 1)])
        self._model.set("end", 1)
        self._until_asked()
        self._model.set("end", 0)
        self._model.run(_FEW, stops=())

    @property
    def seen_by_kernel(self) -> Machine:
        """As the kernel's driver has it: registers are all that it asks for."""
        return cast(Machine, self)
