"""The DMA policy map in main memory, and the guard's registers (design decision 9).

1 means accessible, 0 means not: the opposite of AMD's device exclusion vector.
"""

from enum import IntEnum

from contracts.memory_map import PAGE_SIZE
from contracts.registers import Access, Field, Register, RegisterBlock

__all__ = ["GUARD", "MAX_DMA_REQUESTERS", "Format", "bit_number", "holds_map", "map_bytes"]

MAX_DMA_REQUESTERS = 16


class Format(IntEnum):
    """How a map is laid out. Bit k of a map is bit k & 7 of byte k >> 3."""

    UNIFORM = 0  # bit n: page n, all DMA requesters, both accesses; base 0 and length 0 serve all
    PER_REQUESTER = 1  # each requester has its own base and length; bit n: page n, both accesses
    PER_REQUESTER_AND_ACCESS = 2  # as before, bit 2n: read of page n, bit 2n + 1: write


def bit_number(fmt: Format, page: int, write: bool) -> int:
    """The bit of a map that decides an access to page number ``page``."""
    if fmt is Format.PER_REQUESTER_AND_ACCESS:
        return 2 * page + int(write)
    return page


def map_bytes(fmt: Format, pages: int) -> int:
    """Bytes of a map that covers ``pages`` pages."""
    bits = 2 * pages if fmt is Format.PER_REQUESTER_AND_ACCESS else pages
    return (bits + 7) // 8


def holds_map(page: int, base: int, length: int) -> bool:
    """Whether page number ``page`` holds part of the map at byte address ``base``: then no DMA writes to it while that map is in use."""
    return length > 0 and base // PAGE_SIZE <= page <= (base + length - 1) // PAGE_SIZE


GUARD = RegisterBlock(
    name="GUARD",
    size=PAGE_SIZE,
    doc="DMA guard. Answers ring −1's authority alone once CONTROL.ENABLE is set; other reads return all ones, other writes are dropped.",
    registers=(
        Register("CONTROL", 0x00, Access.RW, "Mode. The write completes when no access admitted under the older policy is in flight.", (
            Field("ENABLE", 0, 1, "1 = every DMA access is checked. Once set it stays set until platform reset."),
            Field("FORMAT", 1, 2, "Format of the map; 3 is refused (nothing is admitted)."),
            Field("MEMORY_CLEAN", 3, 1, "Ring −1 says that RAM holds no secret: the next platform reset does not scrub. Cleared by reset."),
        )),
        Register("STATUS", 0x04, Access.RW1C, "What has happened. Writing ones clears; reading does not.", (
            Field("DENIED", 0, 1, "An access was refused; the log holds the first since this bit was cleared. Drives the interrupt."),
            Field("MAP_ERROR", 1, 1, "A read of the map failed; what it would have decided was refused."),
        )),
        Register("LOG_ADDRESS", 0x08, Access.RO, "Byte address of the first refused access."),
        Register("LOG_INFO", 0x0C, Access.RO, "The first refused access.", (
            Field("REQUESTER", 0, 5, "Requester number."),
            Field("WRITE", 5, 1, "1 = write."),
        )),
        Register("DENIED_COUNT", 0x10, Access.RO, "Refused accesses since reset.", (
            Field("COUNT", 0, 16, "Saturates at 65,535."),
        )),
        Register("LAUNCH_BASE", 0x14, Access.RW, "Base of the 64 KiB launch region, 64 KiB aligned.", (
            Field("BASE", 16, 16, "Bits 31:16."),
        )),
        Register("LAUNCH_CONTROL", 0x18, Access.RW, "Launch protection.", (
            Field("PROTECT", 0, 1, "1 = no DMA reaches the launch region."),
        )),
        Register("CAPABILITY", 0x1C, Access.RO, "What was built.", (
            Field("REQUESTERS", 0, 5, "Number of DMA requesters."),
            Field("FORMATS", 8, 3, "Bit f: format f is built."),
        )),
        Register("DEVICE_RESET", 0x20, Access.RW, "Whose devices are held at rest: how ring −1 takes a device away without knowing it.", (
            Field("RESET", 0, MAX_DMA_REQUESTERS, "Bit n = 1: the device of DMA requester n starts nothing; at rest its state is cleared."),
        )),
        Register("DEVICE_IDLE", 0x24, Access.RO, "Whose devices are at rest.", (
            Field("IDLE", 0, MAX_DMA_REQUESTERS, "Bit n = 1: no transfer of DMA requester n is under way and none of its requests waits."),
        )),
        Register("MAP_BASE", 0x40, Access.RW, "Byte address of the map of DMA requester n; bits 1:0 are zero.",
                 count=MAX_DMA_REQUESTERS, stride=8),
        Register("MAP_LENGTH", 0x44, Access.RW, "Length of that map; pages that hold part of it are closed to writes.", (
            Field("BYTES", 0, 19, "A multiple of 4 (bits 1:0 are zero), at most 256 KiB. Pages beyond it are inaccessible."),
        ), count=MAX_DMA_REQUESTERS, stride=8),
    ),
)  # fmt: skip
