"""Registers and descriptors of the scatter-gather DMA engines: two of them, one 4 KiB page each, each its own requester."""

from enum import IntEnum, IntFlag

from contracts.memory_map import PAGE_SIZE
from contracts.registers import Access, Field, Register, RegisterBlock

__all__ = ["DESCRIPTOR_SIZE", "DMA_ENGINE", "MAX_LENGTH", "DescriptorFlag", "DescriptorWord"]


class DescriptorWord(IntEnum):
    """The four 32-bit words of a descriptor in memory (16 bytes, 16-byte aligned), read by DMA and so checked like all DMA."""

    SOURCE = 0  # byte address, 4-byte aligned
    DESTINATION = 1  # byte address, 4-byte aligned
    LENGTH = 2  # bytes, a multiple of 4, at most 1 MiB; 0 moves nothing
    FLAGS = 3


DESCRIPTOR_SIZE = 16
MAX_LENGTH = 1 << 20


class DescriptorFlag(IntFlag):
    """Bits of the FLAGS word."""

    LAST = 1 << 0  # the chain ends here; otherwise the next descriptor follows in memory
    INTERRUPT = 1 << 1  # raise the interrupt when this one is done
    FILL = 1 << 2  # SOURCE is a 32-bit pattern, not an address


DMA_ENGINE = RegisterBlock(
    name="DMA_ENGINE",
    size=PAGE_SIZE,
    doc="Scatter-gather DMA engine. An error stops the chain; the engine stays usable.",
    registers=(
        Register("CONTROL", 0x00, Access.RW, "Commands; START and ABORT read as 0.", (
            Field("START", 0, 1, "1 = fetch the chain at DESCRIPTOR and run it; ignored while busy."),
            Field("INTERRUPT_ENABLE", 1, 1, "1 = DONE or ERROR raises the engine's interrupt."),
            Field("RESET", 2, 1, "1 = stop: nothing new is issued, queued work is dropped; reads as 1 until idle, then all is cleared."),
        )),
        Register("STATUS", 0x04, Access.RW1C, "What has happened.", (
            Field("BUSY", 0, 1, "Read only."),
            Field("DONE", 1, 1, "A descriptor with INTERRUPT or LAST is done."),
            Field("ERROR", 2, 1, "An access was answered with an error, or a descriptor is malformed."),
        )),
        Register("DESCRIPTOR", 0x08, Access.RW, "Byte address of the first descriptor, 16-byte aligned."),
        Register("ERROR_ADDRESS", 0x0C, Access.RO, "Address of the access that failed."),
        Register("WORDS_MOVED", 0x10, Access.RO, "32-bit words written since START."),
    ),
)  # fmt: skip
