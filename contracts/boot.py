"""How a program gets onto the machine: the block the reset ROM looks for, and what it finds in its registers.

Whoever loads a program (a test, ``ringfence run``, a debugger over the host link) writes it into RAM and this block beside it; the
reset ROM (the untrusted BIOS) enters it in flat 32-bit protected mode, paging and interrupts off, as a multiboot loader would: EAX and EBX
from the block, CS, DS, ES, SS, FS and GS flat, no stack.
"""

import struct
from enum import IntEnum, IntFlag

__all__ = [
    "BOOT_ADDRESS", "BOOT_MAGIC", "COMMAND_LINE_SIZE", "MULTIBOOT_BOOTLOADER_MAGIC", "MULTIBOOT_INFO", "BootBlock", "BootFlag",
    "boot_block", "multiboot_info",
]  # fmt: skip

BOOT_ADDRESS = 0x600
BOOT_MAGIC = 0x5442_4652  # 'RFBT' in memory
MULTIBOOT_BOOTLOADER_MAGIC = 0x2BAD_B002  # EAX of a multiboot program
MULTIBOOT_INFO = 0x620  # where our loaders put the multiboot information, the command line behind it
_INFO_FORMAT = "<5I"
_INFO_MEMORY, _INFO_COMMAND_LINE = 1 << 0, 1 << 2
_COMMAND_LINE_OFFSET = 0x20
COMMAND_LINE_SIZE = 0x9C0  # bytes with the final zero: everything stays below 1000h


class BootBlock(IntEnum):
    """Byte offsets of the block's 32-bit words."""

    MAGIC = 0x00
    ENTRY = 0x04
    EAX = 0x08
    EBX = 0x0C
    FLAGS = 0x10
    SIZE = 0x14


class BootFlag(IntFlag):
    """Bits of FLAGS."""

    KEEP = 1 << 0  # the ROM leaves the magic: a later reset starts the same program again (a BIOS that its owner has changed)


def boot_block(entry: int, eax: int = MULTIBOOT_BOOTLOADER_MAGIC, ebx: int = MULTIBOOT_INFO, flags: BootFlag = BootFlag(0)) -> bytes:
    """The bytes to be put at ``BOOT_ADDRESS``."""
    return struct.pack("<5I", BOOT_MAGIC, entry, eax, ebx, flags)


def multiboot_info(memory: int, command_line: str = "") -> bytes:
    """Multiboot information for RAM of ``memory`` bytes, to be put at ``MULTIBOOT_INFO``. ValueError if the command line is too
    long, or not ASCII."""
    if not command_line.isascii():
        strange = next(c for c in command_line if not c.isascii())
        raise ValueError(f"the command line has {strange!a}, which is not ASCII: write it without")
    text = command_line.encode("ascii") + b"\0"
    if len(text) > COMMAND_LINE_SIZE:
        raise ValueError(f"the command line has {len(text) - 1} bytes, {COMMAND_LINE_SIZE - 1} fit: shorten it")
    upper = max(memory - (1 << 20), 0) >> 10
    info = struct.pack(_INFO_FORMAT, _INFO_MEMORY | _INFO_COMMAND_LINE, 640, upper, 0, MULTIBOOT_INFO + _COMMAND_LINE_OFFSET)
    return info.ljust(_COMMAND_LINE_OFFSET, b"\0") + text
