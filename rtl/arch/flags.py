"""EFLAGS (Intel SDM vol. 1, 3.4.3)."""

from amaranth.lib import data, enum

__all__ = ["ARITHMETIC", "FIXED_ONE", "WRITABLE", "Bit", "Eflags"]


class Bit(enum.IntEnum):
    """Bit numbers."""

    CF = 0
    PF = 2
    AF = 4
    ZF = 6
    SF = 7
    TF = 8
    IF = 9
    DF = 10
    OF = 11
    IOPL = 12
    NT = 14
    RF = 16
    VM = 17
    AC = 18
    ID = 21


class Eflags(data.Struct):
    """The register, 32 bits; bit 1 reads as one, the unnamed others as zero."""

    cf: 1
    one: 1
    pf: 1
    _3: 1
    af: 1
    _5: 1
    zf: 1
    sf: 1
    tf: 1
    if_: 1
    df: 1
    of: 1
    iopl: 2
    nt: 1
    _15: 1
    rf: 1
    vm: 1
    ac: 1
    _vi: 2
    id: 1
    _22: 10


FIXED_ONE = 1 << 1
ARITHMETIC = sum(1 << b for b in (Bit.CF, Bit.PF, Bit.AF, Bit.ZF, Bit.SF, Bit.OF))
WRITABLE = ARITHMETIC | sum(1 << b for b in (Bit.TF, Bit.IF, Bit.DF, Bit.NT, Bit.RF, Bit.AC, Bit.ID)) | 3 << Bit.IOPL
