"""Translation through a guest's page tables as an IA-32 processor does it: two levels, 4 KiB and 4 MiB pages."""

from collections.abc import Generator
from dataclasses import dataclass

from contracts.architecture import Cr0, Cr4, PageFault, Pte
from contracts.memory_map import PAGE_SIZE

__all__ = ["Leaf", "PagingMode", "Walk", "walk"]

_LARGE_RESERVED = 0x003F_F000  # address bits 21:12 of a 4 MiB entry
_LARGE_FRAME = 0xFFC0_0000


@dataclass(frozen=True)
class PagingMode:
    """What of CR0 and CR4 bears on translation."""

    paging: bool = False
    write_protect: bool = False
    large_pages: bool = False
    global_pages: bool = False

    @classmethod
    def of(cls, cr0: int, cr4: int) -> "PagingMode":
        """The mode that these control registers set."""
        return cls(bool(cr0 & Cr0.PG), bool(cr0 & Cr0.WP), bool(cr4 & Cr4.PSE), bool(cr4 & Cr4.PGE))


@dataclass(frozen=True)
class Leaf:
    """An allowed translation. ``sources``: guest-physical address and value of each entry it was computed from, A and D set."""

    page: int  # guest-physical page number of 4 KiB
    writable: bool
    user: bool
    dirty: bool
    large: bool
    global_: bool
    cache_bits: int  # PWT and PCD
    sources: tuple[tuple[int, int], ...] = ()


# Yields the guest-physical address of an entry and None, to be sent its word, or None where the guest has no RAM; or the address and the
# word that it is to hold. At the end it yields what the walk comes to.
Walk = Generator[tuple[int, int | None] | Leaf | PageFault, int | None, None]


def walk(cr3: int, linear: int, access: PageFault, mode: PagingMode, touch: bool = True) -> Walk:
    """Translate ``linear``; ``access`` holds WRITE and USER. Each entry is read once, and marked as the processor's own walker does it:
    a directory entry that leads to a table is accessed, a leaf is accessed (and dirty) once the access is allowed.

    ``touch=False`` looks without marking.
    """
    write, user = bool(access & PageFault.WRITE), bool(access & PageFault.USER)
    refused = access & (PageFault.WRITE | PageFault.USER)
    sources: list[tuple[int, int]] = []

    def mark(address: int, word: int, bits: int) -> Generator[tuple[int, int | None], int | None, int]:
        if touch and word & bits != bits:
            word |= bits
            yield address, word
        sources.append((address, word))
        return word

    if not mode.paging:
        yield Leaf(linear // PAGE_SIZE, True, True, True, False, False, 0)
        return
    at = (cr3 & ~0xFFF) + (linear >> 22) * 4
    entry = yield at, None
    if entry is None or not entry & Pte.P:
        yield refused
        return
    rights, large = entry, bool(entry & Pte.PS) and mode.large_pages
    if large and entry & _LARGE_RESERVED:
        yield refused | PageFault.PROTECTION | PageFault.RESERVED
        return
    if not large:
        yield from mark(at, entry, Pte.A)
        at = (entry & ~0xFFF) + (linear >> 12 & 0x3FF) * 4
        entry = yield at, None
        if entry is None or not entry & Pte.P:
            yield refused
            return
        rights &= entry
    writable, for_user = bool(rights & Pte.RW), bool(rights & Pte.US)
    if user and not for_user or write and not writable and (user or mode.write_protect):
        yield refused | PageFault.PROTECTION
        return
    entry = yield from mark(at, entry, Pte.A | Pte.D if write else Pte.A)
    page = ((entry & _LARGE_FRAME) | (linear & ~_LARGE_FRAME) if large else entry) // PAGE_SIZE
    yield Leaf(
        page=page, writable=writable, user=for_user, dirty=bool(entry & Pte.D), large=large,
        global_=mode.global_pages and bool(entry & Pte.G), cache_bits=entry & (Pte.PWT | Pte.PCD), sources=tuple(sources),
    )  # fmt: skip
