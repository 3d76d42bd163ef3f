"""What a guest's processor holds when it starts, by the kind of its entry."""

from collections.abc import Iterator

from contracts.architecture import Cr0, Eflags, Gpr
from contracts.boot import MULTIBOOT_BOOTLOADER_MAGIC
from contracts.configuration import Entry, MultibootEntry, RealModeEntry
from contracts.vmcb import SEGMENTS, SegmentPart, segment

__all__ = ["first_cr0", "first_state"]

_CODE_32, _DATA_32, _CODE_16, _DATA_16, _LDT, _TSS = 0xC9B, 0xC93, 0x09B, 0x093, 0x082, 0x08B
_START = {"CPL": 0, "DR6": 0xFFFF_0FF0, "DR7": 0x400, "RFLAGS": Eflags.ALWAYS, "CR2": 0}
_REAL_VECTORS = 0x3FF


def first_cr0(entry: Entry) -> int:
    """CR0 as the guest believes it."""
    return Cr0.ET | Cr0.CD | Cr0.NW if isinstance(entry, RealModeEntry) else Cr0.ET | Cr0.PE


def _segment(name: str, selector: int, attributes: int, limit: int, base: int = 0) -> Iterator[tuple[str, int]]:
    for part, value in zip(SegmentPart, (selector, attributes, limit, base), strict=True):
        yield segment(name, part).name, value


def first_state(entry: Entry, cpu_signature: int) -> Iterator[tuple[str, int]]:
    """Fields of the VMCB's save area, by their names in contracts.vmcb, and general registers, by theirs; the last value of each counts.
    The control registers but CR2 are the kernel's."""
    flat = isinstance(entry, MultibootEntry)
    for name in SEGMENTS:
        yield from _segment(name, 0x10 if flat else 0, _DATA_32 if flat else _DATA_16, 0xFFFF_FFFF if flat else 0xFFFF)
    for name, attributes, limit in (("LDTR", _LDT, 0xFFFF), ("TR", _TSS, 0xFFFF), ("GDTR", 0, 0xFFFF), ("IDTR", 0, _REAL_VECTORS)):
        yield from _segment(name, 0, attributes, limit)
    yield from ((register.name, 0) for register in Gpr)
    yield from _START.items()
    if isinstance(entry, RealModeEntry):
        yield from _segment("CS", entry.selector, _CODE_16, 0xFFFF, entry.base)
        yield from (("RIP", entry.ip), (Gpr.EDX.name, cpu_signature))
    else:
        yield from _segment("CS", 0x08, _CODE_32, 0xFFFF_FFFF)
        yield from (("RIP", entry.eip), (Gpr.EAX.name, MULTIBOOT_BOOTLOADER_MAGIC), (Gpr.EBX.name, entry.info))
