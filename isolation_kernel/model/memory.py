"""The model's physical address space: RAM, the guard, two DMA engines, a disk behind PCI, the display's memories."""

from dataclasses import dataclass

from contracts.display import COLUMNS, SCREEN_BYTES, SCREEN_WINDOW
from contracts.dma_engine import DESCRIPTOR_SIZE, DMA_ENGINE, DescriptorFlag, DescriptorWord
from contracts.memory_map import DMA_ENGINE_STRIDE, PAGE_SIZE, Irq, Physical
from isolation_kernel.model.guard import DmaDenied, Guard
from isolation_kernel.model.ide import Ide
from isolation_kernel.model.pci import PciBus

__all__ = ["ENGINES", "DmaEngine", "PhysicalMemory", "Straps"]

ENGINES = 2
_ONES = 0xFFFF_FFFF
_CHUNK = 64
_SCREEN = range(Physical.SCREEN, Physical.SCREEN + SCREEN_WINDOW)
_LINE = range(Physical.TRUSTED_LINE, Physical.TRUSTED_LINE + 2 * COLUMNS)
_CONTROL, _STATUS, _DESCRIPTOR, _ERROR_ADDRESS, _WORDS = (r.offset for r in DMA_ENGINE.registers)


@dataclass(frozen=True)
class Straps:
    """Hardware protections that a simulation may switch off."""

    authority_check: bool = True  # guard and host link answer ring −1 alone once the guard is on
    display_apart: bool = True  # DMA has no way to the display's memories, past the guard or through it


class DmaEngine:
    """One engine; it moves at most 64 bytes a step."""

    def __init__(self, memory: "PhysicalMemory", index: int) -> None:
        self._memory, self._index = memory, index
        self._words: dict[int, int] = {}
        self._job: tuple[int, int, int, int] | None = None  # source, destination, bytes left, flags
        self.busy = self.hold = False

    def clear(self) -> None:
        """Reset: no register holds anything, nothing is under way."""
        self._words, self._job, self.busy = {}, None, False

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self.busy

    def read(self, offset: int) -> int:
        word = self._words.get(offset, 0)
        return word | int(self.busy) if offset == _STATUS else word

    def write(self, offset: int, value: int) -> None:
        control = DMA_ENGINE["CONTROL"]
        if offset == _CONTROL:
            if control.field("RESET").get(value):
                self.clear()
                return
            self._words[offset] = value & control.field("INTERRUPT_ENABLE").mask
            if control.field("START").get(value) and not self.busy and not self.hold:
                self.busy, self._job = True, None
                self._words[_WORDS] = 0
        elif offset == _STATUS:
            self._words[offset] = self._words.get(offset, 0) & ~value
        elif offset == _DESCRIPTOR:
            self._words[offset] = value & ~(DESCRIPTOR_SIZE - 1)

    def _dma_read(self, address: int) -> int:
        if self._memory.dma_reaches_display(address):
            return self._memory.read32(address)
        self._memory.guard.check(self._index, address, False)
        return int.from_bytes(self._memory.ram[address : address + 4], "little")

    def _dma_write(self, address: int, word: int) -> None:
        if self._memory.dma_reaches_display(address):
            self._memory.write32(address, word)
            return
        self._memory.guard.check(self._index, address, True)
        self._memory.ram[address : address + 4] = word.to_bytes(4, "little")

    def _finish(self, field: str) -> None:
        self._words[_STATUS] = self._words.get(_STATUS, 0) | DMA_ENGINE["STATUS"].field(field).mask
        if self._words.get(_CONTROL, 0):
            self._memory.raised.append(Irq(Irq.DMA0 + self._index))

    def step(self) -> None:
        """Move some bytes, or fetch a descriptor."""
        if self.hold:
            self.clear()
        if not self.busy:
            return
        at = 0
        try:
            if self._job is None:
                at = self._words.get(_DESCRIPTOR, 0)
                words = [self._dma_read(at + 4 * w) for w in DescriptorWord]
                self._job = (words[0], words[1], words[2], words[3])
                self._words[_DESCRIPTOR] = at + DESCRIPTOR_SIZE
            source, destination, left, flags = self._job
            for _ in range(min(left, _CHUNK) // 4):
                at = source
                word = source if flags & DescriptorFlag.FILL else self._dma_read(source)
                at = destination
                self._dma_write(destination, word)
                self._words[_WORDS] = self._words.get(_WORDS, 0) + 1
                source, destination, left = source + (0 if flags & DescriptorFlag.FILL else 4), destination + 4, left - 4
            self._job = (source, destination, left, flags)
            if not left:
                self._job = None
                if flags & (DescriptorFlag.LAST | DescriptorFlag.INTERRUPT):
                    self._finish("DONE")
                self.busy = not flags & DescriptorFlag.LAST
        except DmaDenied:
            self._words[_ERROR_ADDRESS] = at
            self.busy, self._job = False, None
            self._finish("ERROR")


class PhysicalMemory:
    """Everything behind a physical address. ``raised`` collects edges of interrupt lines."""

    def __init__(self, size: int, straps: Straps) -> None:
        self.ram = bytearray(size)
        self.raised: list[int] = []
        self.guard = Guard(self)
        self.engines = [DmaEngine(self, n) for n in range(ENGINES)]
        self.pci = PciBus()
        self.ide = Ide(self, self.pci)
        self.masters: list[DmaEngine | Ide] = [*self.engines, self.ide]  # by number of the DMA requester
        self._straps = straps
        self.has_display = True
        self.screen, self.line = bytearray(SCREEN_BYTES), bytearray(2 * COLUMNS)

    def read32(self, address: int, guest: bool = False) -> int:
        """A word; ones where nothing answers."""
        if self.has_display and address in _SCREEN:
            return int.from_bytes(self.screen[address % SCREEN_BYTES :][:4], "little")
        if address + 4 <= len(self.ram):
            return int.from_bytes(self.ram[address : address + 4], "little")
        device, offset = self._device(address)
        if device is None or isinstance(device, Guard) and self._refuses(guest):
            return _ONES
        return device.read(offset)

    def write32(self, address: int, value: int, guest: bool = False) -> None:
        """Write a word."""
        if self.has_display and address in _SCREEN:
            at = address % SCREEN_BYTES
            self.screen[at : at + 4] = value.to_bytes(4, "little")
            return
        if self.has_display and address in _LINE:
            if not guest or not self._straps.authority_check:
                self.line[address - _LINE.start : address - _LINE.start + 4] = value.to_bytes(4, "little")
            return
        if address + 4 <= len(self.ram):
            self.ram[address : address + 4] = value.to_bytes(4, "little")
            return
        device, offset = self._device(address)
        if device is not None and not (isinstance(device, Guard) and self._refuses(guest)):
            device.write(offset, value)

    def dma_reaches_display(self, address: int) -> bool:
        """Whether an access of a DMA engine goes to the display: in control runs alone."""
        return not self._straps.display_apart and self.has_display and (address in _SCREEN or address in _LINE)

    def _refuses(self, guest: bool) -> bool:
        return guest and self.guard.enabled and self._straps.authority_check

    def _device(self, address: int) -> tuple[Guard | DmaEngine | None, int]:
        page, offset = address & ~(PAGE_SIZE - 1), address % PAGE_SIZE
        if page == Physical.GUARD:
            return self.guard, offset
        index = (page - Physical.DMA_ENGINES) // DMA_ENGINE_STRIDE
        return (self.engines[index], offset) if 0 <= index < ENGINES else (None, offset)
