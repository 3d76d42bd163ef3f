"""PCI configuration space as a guest sees it: CONFIG_ADDRESS and base addresses are words that are kept for it, and move nothing.

All else is asked of the kernel, which looks whose the function is.
"""

from collections.abc import Generator

from contracts.pci import BASE_ADDRESSES, CONFIG_SIZE, FUNCTIONS, ConfigWord, Function
from virtual_pc.requests import Configure, Request

__all__ = ["VirtualPci"]

_OFFSET, _RESERVED = CONFIG_SIZE - 4, 3  # bits of CONFIG_ADDRESS
_LANES = 4
_NOTHING = 0xFFFF_FFFF  # as no base address register can read
_WORDS = {function.select(0): function.words for function in FUNCTIONS}

Asking = Generator[Request, int, int]


class VirtualPci:
    """``address`` is CONFIG_ADDRESS; a ``lane`` is a byte of CONFIG_DATA."""

    def __init__(self) -> None:
        self.address = 0
        self._bases: dict[int, int] = {}  # base addresses that the guest has set, by the CONFIG_ADDRESS of their register

    def select(self, address: int) -> None:
        """CONFIG_ADDRESS is written."""
        self.address = address & ~_RESERVED

    def read(self, lane: int) -> Asking:
        """A byte."""
        base = self._bases.get(self.address)
        real = yield Configure(self.address, lane)
        return real if base is None else base >> 8 * lane & 0xFF

    def write(self, lane: int, value: int) -> Asking:
        """A byte. What a base address register can hold is kept if it is there."""
        if self.address & _OFFSET in BASE_ADDRESSES:
            base = self._bases.get(self.address)
            if base is None:
                base = 0
                for n in range(_LANES):
                    base |= (yield Configure(self.address, n)) << 8 * n
            if base != _NOTHING:
                word = _WORDS.get(self.address & ~_OFFSET, {}).get(self.address & _OFFSET, ConfigWord(0))
                self._bases[self.address] = (base & ~(0xFF << 8 * lane) | value << 8 * lane) & word.writable | word.reset
        return (yield Configure(self.address, lane, value))

    def forget(self, function: Function) -> None:
        """The guest has lost a function."""
        self._bases = {at: base for at, base in self._bases.items() if at & ~_OFFSET != function.select(0)}
