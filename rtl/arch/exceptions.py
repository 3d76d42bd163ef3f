"""Exceptions and how they combine (Intel SDM vol. 3, 6.15)."""

from amaranth.lib import enum

__all__ = ["CONTRIBUTORY", "HAS_ERROR_CODE", "Vector"]


class Vector(enum.IntEnum, shape=8):
    """Vectors of the exceptions."""

    DE = 0
    DB = 1
    NMI = 2
    BP = 3
    OF = 4
    BR = 5
    UD = 6
    NM = 7
    DF = 8
    TS = 10
    NP = 11
    SS = 12
    GP = 13
    PF = 14
    AC = 17
    SX = 30  # security exception (AMD)


HAS_ERROR_CODE = frozenset({Vector.DF, Vector.TS, Vector.NP, Vector.SS, Vector.GP, Vector.PF, Vector.AC, Vector.SX})
CONTRIBUTORY = frozenset({Vector.DE, Vector.TS, Vector.NP, Vector.SS, Vector.GP, Vector.SX})
