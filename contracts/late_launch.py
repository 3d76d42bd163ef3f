"""Late launch: the secure loader block, and the bus cycles by which SKINIT closes and measures it (AMD64 APM vol. 2, 15.27).

Only SKINIT's microprogram makes these cycles (``contracts.bus.Space.SPECIAL_CYCLE``): no store, no I/O instruction, no other master does.
The order is PROTECT, HASH_START, HASH_DATA as often as it takes, HASH_END.
"""

from enum import IntEnum

__all__ = ["BLOCK_SIZE", "ENTRY_OFFSET", "LENGTH_OFFSET", "LaunchCycle"]

BLOCK_SIZE = 64 << 10
"""Bytes of the block, which lies at a multiple of its size."""
ENTRY_OFFSET = 0
"""Of the 16-bit word that says where the block is entered, from its first byte."""
LENGTH_OFFSET = 2
"""Of the 16-bit word that says how many of its bytes are measured, from its first one on."""


class LaunchCycle(IntEnum):
    """What a cycle says, by its address."""

    PROTECT = 0x0  # data: the block's base. Answered when no DMA reaches the block any more and none that was admitted is under way
    HASH_START = 0x4  # a measurement begins; the TPM resets the PCRs of the launch
    HASH_DATA = 0x8  # data: the next bytes that are measured, as the mask says, the lowest first
    HASH_END = 0xC  # the measurement ends, and is extended
