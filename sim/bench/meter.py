"""Whose the cycles of a run are: the processor's, the kernel's, the bus's, the TPM's."""

from collections.abc import Callable
from typing import Any

from contracts.memory_map import Physical
from contracts.tpm import LOCALITIES, LOCALITY_STRIDE
from sim.link import LinkMachine

__all__ = ["Metered"]

_TPM = range(Physical.TPM, Physical.TPM + LOCALITIES * LOCALITY_STRIDE)


class Metered:
    """The kernel's machine, which notes what of the link's work was at the TPM."""

    def __init__(self, link: LinkMachine) -> None:
        self._link = link
        self.tpm_cycles = self.tpm_transactions = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self._link, name)
        return self._noted(method) if name in ("read32", "write32") else method

    def _noted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def noted(address: int, *value: int) -> Any:
            cycles, transactions = self._link.link_cycles, self._link.transactions
            answer = method(address, *value)
            if address in _TPM:
                self.tpm_cycles += self._link.link_cycles - cycles
                self.tpm_transactions += self._link.transactions - transactions
            return answer

        return noted

    def now(self) -> dict[str, int]:
        """Counts since power-on: cycles in all, and of them the declared ones of the kernel, those at the TPM, and those of the link
        elsewhere; the rest is the processor's (the guest, the world switch, the stub). And transactions."""
        link = self._link
        bus = link.link_cycles - self.tpm_cycles
        processor = link.machine.cycle - link.kernel_cycles - link.link_cycles
        return {
            "cycles": link.machine.cycle, "processor": processor, "kernel": link.kernel_cycles, "bus": bus, "tpm": self.tpm_cycles,
            "bus_transactions": link.transactions - self.tpm_transactions, "tpm_transactions": self.tpm_transactions,
        }  # fmt: skip
