"""The judge of isolation: whatever a guest's instructions touch, code and data, lies in a frame or device page that is the guest's at
that time. It reads physical addresses on the retire port and believes neither shadow tables nor TLB.

``rtl`` names no owner, so the caller says whose an address is.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sim.model.layout import RecordView

__all__ = ["ForeignAccess", "OwnershipChecker"]

_GUEST = 1  # bit of ring −1's context word
_VMRUN = bytes((0x0F, 0x01, 0xD8))  # its record shows the guest's context already


@dataclass(frozen=True)
class ForeignAccess:
    """A guest reached what is not its own."""

    cycle: int
    asid: int
    physical: int
    kind: str  # "code", "read" or "write"

    def __str__(self) -> str:
        return f"cycle {self.cycle}: {self.kind} of {self.physical:#010x}, which is not the guest's, in ASID {self.asid}"


class OwnershipChecker:
    """Feed it the retire records of one entry into a guest, with ``own(page number)`` of that guest. ``foreign`` lists what was wrong."""

    def __init__(self) -> None:
        self.foreign: list[ForeignAccess] = []
        self.checked = 0

    def feed(self, records: Iterable[RecordView], own: Callable[[int], bool]) -> None:
        """Look at records in their order; those of ring −1 are passed over."""
        for record in records:
            if not record.context & _GUEST:
                continue
            if record.access_valid and record.access_translated and not record.access_io:
                kind = "write" if record.access_write else "read"
                self._check(record, (record.access_physical, record.access_physical_last), kind, own)
            if record.instruction_valid and not record.instruction_event:
                if record.instruction_bytes.to_bytes(15, "little")[:3] != _VMRUN:
                    self._check(record, (record.instruction_physical, record.instruction_physical_last), "code", own)

    def _check(self, record: RecordView, addresses: tuple[int, int], kind: str, own: Callable[[int], bool]) -> None:
        self.checked += 1
        for physical in addresses:
            if not own(physical >> 12):
                self.foreign.append(ForeignAccess(record.cycle, record.asid, physical, kind))
                return
