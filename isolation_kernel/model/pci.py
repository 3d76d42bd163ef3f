"""The model's PCI configuration space: the functions that contracts.pci declares, on bus 0."""

from contracts.pci import FUNCTIONS, Function

__all__ = ["PciBus"]

_ONES = 0xFF


class PciBus:
    """``address`` is CONFIG_ADDRESS; ``words`` what each register holds, by the CONFIG_ADDRESS that selects it."""

    def __init__(self) -> None:
        self._writable = {f.select(offset): int(word.writable) for f in FUNCTIONS for offset, word in f.words.items()}
        self._functions = {f.select(0) for f in FUNCTIONS}
        self._reset = {f.name: {f.select(offset): int(word.reset) for offset, word in f.words.items()} for f in FUNCTIONS}
        self.words: dict[int, int] = {}
        for function in FUNCTIONS:
            self.reset(function)
        self.address = 0

    def reset(self, function: Function) -> None:
        """One function's registers."""
        self.words |= self._reset[function.name]  # often: a device that nobody owns is held in reset at every step

    def read(self, lane: int) -> int:
        """A byte of CONFIG_DATA."""
        if self.address & ~0xFF not in self._functions:
            return _ONES
        return self.words.get(self.address, 0) >> 8 * lane & 0xFF

    def write(self, lane: int, value: int) -> None:
        """A byte of CONFIG_DATA."""
        mask = self._writable.get(self.address, 0) & 0xFF << 8 * lane
        if mask:
            self.words[self.address] = self.words[self.address] & ~mask | value << 8 * lane & mask
