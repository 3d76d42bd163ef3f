"""Sizes of a core: one frozen dataclass with named configurations."""

from dataclasses import dataclass

__all__ = ["CoreParams"]


@dataclass(frozen=True)
class CoreParams:
    """Parameters of the processor.

    Attributes
    ----------
    icache_lines, dcache_lines
        16-byte lines of the instruction and data cache, powers of two; at most 256 sets a way, so that 512 lines make two ways.
    itlb_entries, dtlb_entries
        Entries of each TLB; powers of two.
    asid_width
        Bits of the address-space identifier that tags TLB entries (ASID 0 is ring −1, or the only one).
    store_buffer
        Stores that may wait for the bus.
    """

    icache_lines: int = 512
    dcache_lines: int = 512
    itlb_entries: int = 32
    dtlb_entries: int = 32
    asid_width: int = 6
    store_buffer: int = 4

    @classmethod
    def tiny(cls) -> "CoreParams":
        """The smallest that works: for unit tests and small boards."""
        return cls(icache_lines=16, dcache_lines=16, itlb_entries=4, dtlb_entries=4, asid_width=2, store_buffer=1)

    @classmethod
    def default(cls) -> "CoreParams":
        """8 KiB + 8 KiB of cache, 32 + 32 TLB entries."""
        return cls()

    @classmethod
    def ulx3s(cls) -> "CoreParams":
        """For the ULX3S board's ECP5 with 84k LUT4: the default's sizes fit, caches in block RAM beside 128 KiB of main memory."""
        return cls.default()
