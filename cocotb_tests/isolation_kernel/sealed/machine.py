"""A machine of which there is the TPM alone: a real one (swtpm) behind the chipset's own register file, and a launch by its locality 4."""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from cocotb_tests.isolation_kernel.sealed.tis_top import SPEC
from contracts.event_log import Event
from contracts.memory_map import PAGE_SIZE, Physical
from contracts.registers import WORD_SIZE
from contracts.tpm import HashOp
from contracts.tpm2 import Command, Handle, extension
from isolation_kernel.tpm import Tpm
from sim.model import Model, build_model
from sim.tpm.bridge import TpmBridge
from sim.tpm.served import TPM_ASKS, ServedTpm
from sim.tpm.swtpm import Swtpm

__all__ = ["BLOCK", "KERNEL", "STUB", "TpmMachine"]

BLOCK, STUB, KERNEL = b"secure loader " * 100, b"ring -1 stub", b"isolation kernel"
_LOADERS_LOCALITY = 3
_FEW, _MANY = 8, 10_000  # cycles: between two accesses, and more than any step of a launch takes
_LOOK = 64  # accesses between two looks at whether the TPM still lives


class TpmMachine:
    """``read32`` and ``write32`` come with ring −1's authority unless ``privileged`` is cleared; a context manager.

    ``accesses``: how many there were. ``state``: the folder of the TPM's state.
    """

    def __init__(self, state: Path, absent: bool = False) -> None:
        self.state = state
        self.tpm = None if absent else Swtpm(state)
        self.privileged = True
        self.accesses = 0
        self._model = Model(build_model(SPEC))
        self._served = ServedTpm(self._model, TpmBridge(self.tpm))
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

    def _settle(self) -> None:
        """Let the TPM do what it is asked for, if it is asked."""
        if self._model.run(_FEW, stops=(TPM_ASKS,)).stops:
            self._served.serve()
            self._model.run(_FEW, stops=())

    def power_cycle(self) -> None:
        """Power lost and back: what was written to the TPM's own memory is there, and nothing else."""
        self._reset()

    def replace_state(self, old: Path) -> None:
        """Put an earlier state in the place of the TPM's (a chip taken out and put back), and power on."""
        assert self.tpm is not None
        self.tpm.close()
        shutil.rmtree(self.state)
        shutil.copytree(old, self.state)
        self.tpm = Swtpm(self.state)
        self._served = ServedTpm(self._model, TpmBridge(self.tpm))
        self._reset()

    def copy_state(self) -> Path:
        """The TPM's state as it is now, in a folder of its own beside it."""
        copy = Path(tempfile.mkdtemp(dir=self.state.parent)) / "state"
        shutil.copytree(self.state, copy)
        return copy

    def read32(self, address: int) -> int:
        """One word of the registers."""
        self._settle()
        return self._access(address)

    def write32(self, address: int, value: int) -> None:
        """One word to the registers."""
        self._access(address, value)

    def _access(self, address: int, value: int | None = None) -> int:
        page, offset = divmod(address - Physical.TPM, PAGE_SIZE)
        self.accesses += 1
        if self.accesses % _LOOK == 0:
            self._served.serve()
        request = (0, int(value is not None), int(self.privileged), page, offset // WORD_SIZE, 0xF, value or 0, 1)
        return self._model.transact([request])[0][0]

    def hash_block(self, block: bytes) -> None:
        """What SKINIT sends in locality 4."""
        self._model.set("launched", 1)
        for op, data in ((HashOp.START, b""), *((HashOp.DATA, block[at : at + WORD_SIZE]) for at in range(0, len(block), WORD_SIZE))):
            self._model.transact([(1, 0, 0, 0, op, (1 << len(data)) - 1, int.from_bytes(data, "little"), 1)])
        self._model.set("end", 1)
        assert self._model.run(_MANY, stops=(TPM_ASKS,)).stops
        self._served.serve()
        self._model.set("end", 0)
        self._model.run(_FEW, stops=())

    def measure(self, events: Iterable[Event], locality: int = _LOADERS_LOCALITY) -> None:
        """What the secure loader measures."""
        for event in events:
            Tpm(self, locality).run(
                Command.PCR_EXTEND, event.kind.pcr, parameters=extension(event.digest), sessions=(Handle.PASSWORD,)
            )  # fmt: skip
