"""Facts of IA-32 that more than one room needs: registers, flags, exceptions, control registers, page-table entries (Intel SDM vol. 3)."""

from enum import IntEnum, IntFlag

__all__ = ["DR6_FIXED", "DR7_FIXED", "Cr0", "Cr4", "Dr6", "Dr7", "Eflags", "Exc", "Gpr", "PageFault", "Pte"]


class Gpr(IntEnum):
    """General registers, as instructions number them."""

    EAX = 0
    ECX = 1
    EDX = 2
    EBX = 3
    ESP = 4
    EBP = 5
    ESI = 6
    EDI = 7


class Eflags(IntFlag):
    """Flags that ring −1 looks at."""

    ALWAYS = 1 << 1
    TF = 1 << 8
    IF = 1 << 9
    DF = 1 << 10


class Exc(IntEnum):
    """Exception vectors that ring −1 raises or intercepts."""

    DB = 1
    BP = 3
    OF = 4
    UD = 6
    DF = 8
    SS = 12
    GP = 13
    PF = 14
    AC = 17


class Cr0(IntFlag):
    """Bits of CR0."""

    PE = 1 << 0
    MP = 1 << 1
    EM = 1 << 2
    TS = 1 << 3
    ET = 1 << 4
    NE = 1 << 5
    WP = 1 << 16
    AM = 1 << 18
    NW = 1 << 29
    CD = 1 << 30
    PG = 1 << 31


class Cr4(IntFlag):
    """Bits of CR4 that this processor has."""

    TSD = 1 << 2
    DE = 1 << 3
    PSE = 1 << 4
    PGE = 1 << 7


class Dr6(IntFlag):
    """The debug status register (SDM vol. 3, 17.2.3). Task switches are not there, so nothing sets BT."""

    B = 0xF  # which of the four breakpoints were met
    BD = 1 << 13  # an access to a debug register while DR7.GD was set
    BS = 1 << 14  # a single step
    BT = 1 << 15


class Dr7(IntFlag):
    """The debug control register (SDM vol. 3, 17.2.4) beside the breakpoints' types and lengths in its upper half."""

    ENABLES = 0xFF  # L0, G0, L1, ... G3
    LE = 1 << 8
    GE = 1 << 9
    GD = 1 << 13
    BREAKPOINTS = 0xFFFF_0000


DR6_FIXED = 0xFFFF_0FF0  # bits that read as one; the value after a reset
DR7_FIXED = 0x400


class Pte(IntFlag):
    """Bits of a page-table or page-directory entry."""

    P = 1 << 0
    RW = 1 << 1
    US = 1 << 2
    PWT = 1 << 3
    PCD = 1 << 4
    A = 1 << 5
    D = 1 << 6
    PS = 1 << 7
    G = 1 << 8


class PageFault(IntFlag):
    """Error code of #PF."""

    PROTECTION = 1 << 0
    WRITE = 1 << 1
    USER = 1 << 2
    RESERVED = 1 << 3
