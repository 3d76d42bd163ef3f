"""Control registers (Intel SDM vol. 3, 2.5) as far as this processor has them."""

from enum import IntFlag

__all__ = ["CR0_FIXED", "CR0_WRITABLE", "CR4_WRITABLE", "Cr0", "Cr4", "PageError"]


class Cr0(IntFlag):
    """Bits of CR0."""

    PE = 1 << 0
    MP = 1 << 1
    EM = 1 << 2
    TS = 1 << 3
    ET = 1 << 4  # reads as one
    NE = 1 << 5
    WP = 1 << 16
    AM = 1 << 18
    NW = 1 << 29
    CD = 1 << 30
    PG = 1 << 31


CR0_FIXED = Cr0.ET
CR0_WRITABLE = Cr0.PE | Cr0.MP | Cr0.EM | Cr0.TS | Cr0.NE | Cr0.WP | Cr0.AM | Cr0.NW | Cr0.CD | Cr0.PG


class Cr4(IntFlag):
    """Bits of CR4; setting another raises #GP(0)."""

    TSD = 1 << 2
    DE = 1 << 3
    PSE = 1 << 4
    PGE = 1 << 7


CR4_WRITABLE = Cr4.TSD | Cr4.DE | Cr4.PSE | Cr4.PGE


class PageError(IntFlag):
    """Error code of #PF."""

    PRESENT = 1 << 0
    WRITE = 1 << 1
    USER = 1 << 2
    RESERVED = 1 << 3
