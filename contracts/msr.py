"""Model-specific registers, and where the MSR permission map has their bits (AMD64 APM vol. 2, 15.11)."""

from enum import IntEnum, IntFlag

__all__ = ["IOPM_SIZE", "MSRPM_RANGES", "MSRPM_RANGE_LENGTH", "MSRPM_SIZE", "Efer", "Msr", "VmCr", "msrpm_bit"]


class Msr(IntEnum):
    """MSR numbers. Any other raises #GP."""

    TSC = 0x10
    SYSENTER_CS = 0x174
    SYSENTER_ESP = 0x175
    SYSENTER_EIP = 0x176
    EFER = 0xC000_0080
    VM_CR = 0xC001_0114
    VM_HSAVE_PA = 0xC001_0117


class Efer(IntFlag):
    """Bits of EFER that exist here; the others are reserved."""

    SVME = 1 << 12


class VmCr(IntFlag):
    """Bits of VM_CR."""

    DPD = 1 << 0
    R_INIT = 1 << 1
    DIS_A20M = 1 << 2
    LOCK = 1 << 3
    SVMDIS = 1 << 4


IOPM_SIZE = 12 * 1024
MSRPM_SIZE = 8 * 1024
MSRPM_RANGES: tuple[tuple[int, int], ...] = ((0x0000_0000, 0x000), (0xC000_0000, 0x800), (0xC001_0000, 0x1000))
MSRPM_RANGE_LENGTH = 0x2000


def msrpm_bit(msr: int, write: bool) -> int | None:
    """Bit number in the MSR permission map, or None: outside the three ranges every access exits."""
    for first, byte in MSRPM_RANGES:
        if first <= msr < first + MSRPM_RANGE_LENGTH:
            return byte * 8 + (msr - first) * 2 + int(write)
    return None
