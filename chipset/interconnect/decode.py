"""Which addresses are what: pure functions of an address, used by every master's port."""

from amaranth.hdl import Value

from contracts.display import SCREEN_WINDOW
from contracts.memory_map import DMA_ENGINE_STRIDE, PAGE_SIZE, Physical
from contracts.tpm import LOCALITIES

__all__ = ["is_device_page", "is_in_pages", "is_page", "is_ram", "is_rom"]

_1_MIB_BITS = 20
_PAGE_BITS = PAGE_SIZE.bit_length() - 1
_ROM_BITS = 16  # the ROM's window is 64 KiB


def is_page(address: Value, base: int) -> Value:
    """1 where ``address`` lies in the 4 KiB page at ``base``."""
    return address[_PAGE_BITS:] == base >> _PAGE_BITS


def is_in_pages(address: Value, base: int, pages: int) -> Value:
    """1 where ``address`` lies in one of the ``pages`` 4 KiB pages from ``base`` on, which is a multiple of their size, rounded up to a
    power of two."""
    bits = (pages - 1).bit_length()
    if base % (PAGE_SIZE << bits):
        raise ValueError(f"{pages} pages at {base:#x} cannot be decoded")
    return (address[_PAGE_BITS + bits :] == base >> _PAGE_BITS + bits) & (address[_PAGE_BITS : _PAGE_BITS + bits] < pages)


def is_device_page(address: Value, dma_engines: int) -> Value:
    """1 where ``address`` belongs to a memory-mapped device of the device bus."""
    hit = is_page(address, Physical.GUARD) | is_page(address, Physical.HOST_LINK) | is_in_pages(address, Physical.TPM, LOCALITIES)
    hit = hit | is_in_pages(address, Physical.SCREEN, SCREEN_WINDOW // PAGE_SIZE) | is_page(address, Physical.TRUSTED_LINE)
    for n in range(dma_engines):
        hit = hit | is_page(address, Physical.DMA_ENGINES + n * DMA_ENGINE_STRIDE)
    return hit


def is_ram(address: Value, size: int) -> Value:
    """1 where ``address`` is backed by a RAM of ``size`` bytes (a power of two): below its end, outside the hole A_0000h to F_FFFFh."""
    if size & (size - 1) or size < PAGE_SIZE:
        raise ValueError(f"RAM of {size} bytes: the size must be a power of two, at least one page")
    below_hole_end = address[_1_MIB_BITS:] == 0
    return (address[size.bit_length() - 1 :] == 0) & ~(below_hole_end & address[19] & (address[18] | address[17]))


def is_rom(address: Value) -> Value:
    """1 in the ROM's 64 KiB below 4 GiB and in their alias below 1 MiB."""
    return (address[_ROM_BITS:] == Physical.ROM >> _ROM_BITS) | (address[_ROM_BITS:] == Physical.ROM_ALIAS >> _ROM_BITS)
