"""Address space identifiers of the TLB, and what is to be flushed from it before each is used again."""

from contracts.machine import Machine
from contracts.vmcb import TlbControl
from isolation_kernel.frames import KernelError

__all__ = ["Asids"]

_FEW = 4  # pages that are flushed one by one; more flush the whole ASID


class Asids:
    """Gives out ASIDs 1 to ``count`` - 1. A flush may wait until its ASID is entered again: no translation is used before that."""

    def __init__(self, count: int, shared: bool = False) -> None:
        self._free = [1] * (count - 1) if shared else list(range(count - 1, 0, -1))  # shared, in control runs: everyone gets ASID 1
        self._pages: dict[int, set[int]] = {}
        self._all: set[int] = set()

    def allocate(self) -> int:
        """A free ASID; whatever the TLB holds of it (a BIOS may have used ring −1 too) goes before its first use."""
        if not self._free:
            raise KernelError("no ASID is free")
        asid = self._free.pop()
        self._all.add(asid)
        return asid

    def release(self, asid: int) -> None:
        """Give an ASID back."""
        self._free.append(asid)

    def flush_page(self, asid: int, linear: int) -> None:
        """Flush one page of an ASID before it is entered."""
        self._pages.setdefault(asid, set()).add(linear)

    def flush(self, asid: int) -> None:
        """Flush an ASID before it is entered."""
        self._all.add(asid)

    def enter(self, machine: Machine, block: int, asid: int) -> TlbControl:
        """What VMRUN has to flush; single pages are flushed at once."""
        pages = self._pages.pop(asid, set())
        if asid in self._all or len(pages) > _FEW:
            self._all.discard(asid)
            return TlbControl.ASID
        for linear in sorted(pages):
            machine.invlpga(block, linear, asid)
        return TlbControl.NOTHING
