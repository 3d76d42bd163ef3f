"""The model's processor in guest mode: exits, and translation through the tables in memory with its TLB."""

from typing import TYPE_CHECKING, NoReturn

from contracts.architecture import Cr0, Cr4, Exc, PageFault, Pte
from contracts.exit_codes import ExitCode
from contracts.memory_map import PAGE_SIZE
from isolation_kernel.model.script import GuestException
from isolation_kernel.model.state import GuestState
from isolation_kernel.model.tlb import TlbEntry

if TYPE_CHECKING:
    from isolation_kernel.model.machine import ModelMachine

__all__ = ["Translation", "VmExit"]


class VmExit(Exception):
    """A #VMEXIT."""

    def __init__(self, code: int, info1: int = 0, info2: int = 0, nrip: int = 0) -> None:
        super().__init__(code, info1, info2)
        self.code, self.info1, self.info2, self.nrip = code, info1, info2, nrip


class Translation:
    """What of a guest's processor translates addresses. ``state`` holds its registers while it runs."""

    state: GuestState

    def __init__(self, machine: "ModelMachine") -> None:
        self._machine = machine

    def translate(self, linear: int, write: bool, user: bool) -> int:
        """The physical address; a miss walks the tables in memory, a refusal is a #PF."""
        state, machine = self.state, self._machine
        key = (state.asid, linear // PAGE_SIZE)
        entry = machine.tlb.entries.get(key)
        if entry is None or write and entry.writable and not entry.dirty:
            entry = self._walk(linear, write, user)
            machine.tlb.entries[key] = entry
        elif user and not entry.user or write and not entry.writable and (user or state["CR0"] & Cr0.WP):
            self._page_fault(linear, write, user, PageFault.PROTECTION)
        physical = entry.frame * PAGE_SIZE + linear % PAGE_SIZE
        if machine.translations is not None:
            machine.translations.append((state.asid, linear, physical, write))
        return physical

    def _page_fault(self, linear: int, write: bool, user: bool, bits: int) -> NoReturn:
        error = bits | (PageFault.WRITE if write else 0) | (PageFault.USER if user else 0)
        if self.state.block.get("INTERCEPT_EXCEPTIONS") >> Exc.PF & 1:
            raise VmExit(ExitCode.EXCEPTION + Exc.PF, error, linear)
        raise GuestException(Exc.PF, error, linear)

    def _walk(self, linear: int, write: bool, user: bool) -> TlbEntry:
        memory, state = self._machine.memory, self.state
        at = (state["CR3"] & ~0xFFF) + (linear >> 22) * 4
        chain = [(at, memory.read32(at, guest=True))]
        large = False
        if chain[0][1] & Pte.P:
            large = bool(chain[0][1] & Pte.PS and state["CR4"] & Cr4.PSE)
            if not large:
                at = (chain[0][1] & ~0xFFF) + (linear >> 12 & 0x3FF) * 4
                chain.append((at, memory.read32(at, guest=True)))
        if not all(word & Pte.P for _, word in chain):
            self._page_fault(linear, write, user, 0)
        writable, for_user = (all(word & bit for _, word in chain) for bit in (Pte.RW, Pte.US))
        if user and not for_user or write and not writable and (user or state["CR0"] & Cr0.WP):
            self._page_fault(linear, write, user, PageFault.PROTECTION)
        for n, (where, word) in enumerate(chain):
            marked = word | Pte.A | (Pte.D if write and n == len(chain) - 1 else 0)
            if marked != word:
                memory.write32(where, marked, guest=True)
        leaf = chain[-1][1]
        frame = (leaf & 0xFFC0_0000 | linear & 0x003F_F000) >> 12 if large else leaf >> 12
        return TlbEntry(frame, writable, for_user, bool(leaf & Pte.D) or write, bool(leaf & Pte.G and state["CR4"] & Cr4.PGE))
