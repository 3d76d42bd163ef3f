"""Two-level paging as the manual describes it (Intel SDM vol. 3, 4.3, 4.6 to 4.8), in plain Python: what the circuits are held against."""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["PageFault", "Page", "Paging", "walk"]

P, RW, US, PWT, PCD, A, D, PS, G = (1 << n for n in range(9))


@dataclass(frozen=True)
class Paging:
    """Control register bits that a translation depends on."""

    cr3: int
    wp: int
    pse: int
    pge: int


@dataclass(frozen=True)
class Page:
    """A translation of one page."""

    frame: int
    user: int
    writable: int
    dirty: int
    cache_disable: int
    global_: int
    large: int


class PageFault(Exception):
    """#PF with its error code."""

    def __init__(self, error: int) -> None:
        super().__init__(f"#PF({error})")
        self.error = error


def walk(
    read: Callable[[int], int], write: Callable[[int, int], None], paging: Paging, linear: int, *, user: int, store: int, clean: int = 0
) -> Page:  # fmt: skip
    """Translates; sets accessed and dirty bits in memory (with ``clean`` a store sets accessed bits only), or raises PageFault."""
    blame = store << 1 | user << 2
    used = A | D * (store & ~clean)

    def check(rights: int) -> None:
        if user and not rights & US:
            raise PageFault(blame | 1)
        if store and not rights & RW and (user or paging.wp):
            raise PageFault(blame | 1)

    def touch(address: int, entry: int, bits: int) -> int:
        if entry & bits != bits:
            write(address, entry | bits)
        return entry | bits

    where = (paging.cr3 & 0xFFFFF000) + (linear >> 22) * 4
    pde = read(where)
    if not pde & P:
        raise PageFault(blame)
    if pde & PS and paging.pse:
        if pde & 0x003FF000:
            raise PageFault(blame | 1 | 8)
        check(pde)
        pde = touch(where, pde, used)
        frame, leaf, rights, large = (pde & 0xFFC00000 | linear & 0x003FF000) >> 12, pde, pde, 1
    else:
        pde = touch(where, pde, A)
        where = (pde & 0xFFFFF000) + (linear >> 12 & 0x3FF) * 4
        pte = read(where)
        if not pte & P:
            raise PageFault(blame)
        check(pde & pte)
        leaf = touch(where, pte, used)
        frame, rights, large = leaf >> 12, pde & pte, 0
    return Page(
        frame=frame, user=int(bool(rights & US)), writable=int(bool(rights & RW)), dirty=int(bool(leaf & D)),
        cache_disable=int(bool(leaf & PCD)), global_=int(bool(leaf & G) and bool(paging.pge)), large=large,
    )  # fmt: skip
