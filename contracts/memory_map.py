"""The physical address space and the I/O ports of the machine (design decision 11)."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["DMA_ENGINE_STRIDE", "PAGE_SIZE", "Irq", "Physical", "Port", "RamLayout", "within_pages"]

PAGE_SIZE = 4096


class Physical(IntEnum):
    """Bases of what is not RAM. RAM starts at 0."""

    VGA_HOLE = 0x000A_0000  # to 0xF_FFFF: no RAM but the ROM's alias at its top
    SCREEN = 0x000B_8000  # 32 KiB: the text that guests show
    ROM_ALIAS = 0x000F_0000  # 64 KiB: the top of the reset ROM, for real mode
    EXTENDED_RAM = 0x0010_0000
    NOWHERE = 0xF000_0000  # a page where nothing is or will be: reads as ones, writes are dropped, nothing of it is cached
    DMA_ENGINES = 0xFEC1_0000  # one 4 KiB page an engine
    TPM = 0xFED4_0000
    GUARD = 0xFED8_0000
    HOST_LINK = 0xFED9_0000
    TRUSTED_LINE = 0xFEDA_0000
    ROM = 0xFFFF_0000  # 64 KiB, the reset vector in its last 16 bytes


DMA_ENGINE_STRIDE = PAGE_SIZE


class Port(IntEnum):
    """First I/O port of each device, at its PC address."""

    PIC_MASTER = 0x20
    PIT = 0x40
    KBC_DATA = 0x60
    SYSTEM_CONTROL_B = 0x61
    KBC_STATUS = 0x64
    POST = 0x80
    SYSTEM_CONTROL_A = 0x92
    PIC_SLAVE = 0xA0
    DEBUG_CONSOLE = 0xE9
    EXIT = 0xF4
    IDE_PRIMARY = 0x1F0
    VGA_ATTRIBUTE = 0x3C0  # and sequencer, palette, graphics controller
    VGA_CRTC = 0x3D0
    IDE_PRIMARY_CONTROL = 0x3F6
    COM1 = 0x3F8
    PCI_ADDRESS = 0xCF8  # as a dword
    RESET_CONTROL = 0xCF9  # as a byte
    PCI_DATA = 0xCFC


class Irq(IntEnum):
    """Lines of the two 8259s."""

    TIMER = 0
    KEYBOARD = 1
    CASCADE = 2
    COM1 = 4
    GUARD = 9
    DMA0 = 10
    DMA1 = 11
    MOUSE = 12
    IDE_PRIMARY = 14


@dataclass(frozen=True)
class RamLayout:
    """Who starts where in RAM of ``size`` bytes. The kernel's part lies at the top: stub, VMCBs, shadow tables, policy maps."""

    size: int = 32 << 20
    kernel_size: int = 4 << 20
    stub_size: int = 64 << 10  # the stub's image, stack and host save area: the first bytes of the kernel's part

    @property
    def kernel_base(self) -> int:
        """First byte of ring −1's own memory (page aligned)."""
        return self.size - self.kernel_size

    @property
    def pool_base(self) -> int:
        """First byte of what the isolation kernel gives out to itself."""
        return self.kernel_base + self.stub_size

    @property
    def pages(self) -> int:
        """RAM pages of 4 KiB, the hole below 1 MiB counted."""
        return self.size // PAGE_SIZE


def within_pages(address: int, length: int) -> Iterator[tuple[int, int, int]]:
    """Bytes from ``address`` on, cut at the borders of pages: page number, offset in it and length of each piece."""
    end = address + length
    while address < end:
        count = min(end - address, PAGE_SIZE - address % PAGE_SIZE)
        yield address // PAGE_SIZE, address % PAGE_SIZE, count
        address += count
