"""Which physical addresses may be cached, and the processor state that accesses depend on."""

from amaranth.hdl import Value
from amaranth.lib import data

from rtl.arch.registers import Mode

__all__ = ["MemoryState", "is_uncacheable"]

_FRAME_OF_1_MIB = 8  # bits of a frame number below 1 MiB


class MemoryState(data.Struct):
    """State of the processor as far as memory accesses depend on it."""

    mode: Mode
    cr3: 32
    cache_disable: 1  # CR0.CD: hits count, nothing new is kept
    asid: 8
    ring_minus_1: 1  # authority of bus requests
    a20_masked: 1  # address bit 20 of every physical address reads as 0


def is_uncacheable(frame: Value) -> Value:
    """1 for page frames A_0000h to F_FFFFh (the hole for devices and ROM) and from 8000_0000h up."""
    hole = (frame[_FRAME_OF_1_MIB:] == 0) & frame[7] & (frame[6] | frame[5])
    return frame[-1] | hole
