"""The model's DMA guard: registers, the check of each access against the map in memory, and the hold on each requester's device."""

from typing import TYPE_CHECKING

from contracts.memory_map import PAGE_SIZE, Irq
from contracts.policy_map import GUARD, Format, bit_number, holds_map
from contracts.requesters import DMA_FIRST

if TYPE_CHECKING:
    from isolation_kernel.model.memory import PhysicalMemory

__all__ = ["DmaDenied", "Guard"]


class DmaDenied(Exception):
    """An access that was answered with an error."""


class Guard:
    """The DMA guard: registers, and the check of each access against the map in memory."""

    def __init__(self, memory: "PhysicalMemory") -> None:
        self._memory = memory
        self._words: dict[int, int] = {}
        self.denied: list[tuple[int, int, bool]] = []

    @property
    def enabled(self) -> bool:
        return bool(self._words.get(GUARD["CONTROL"].offset, 0) & 1)

    def read(self, offset: int) -> int:
        if offset == GUARD["DEVICE_IDLE"].offset:
            return sum(master.idle << n for n, master in enumerate(self._memory.masters))
        return self._words.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        if offset == GUARD["STATUS"].offset:
            self._words[offset] = self._words.get(offset, 0) & ~value
        elif offset == GUARD["DEVICE_RESET"].offset:
            for n, master in enumerate(self._memory.masters):
                master.hold = bool(value >> n & 1)
                master.step()
            self._words[offset] = value
        else:
            self._words[offset] = value | (int(self.enabled) if offset == GUARD["CONTROL"].offset else 0)

    def _map(self, index: int) -> tuple[int, int]:
        base, length = (self._words.get(GUARD[name].at(index), 0) for name in ("MAP_BASE", "MAP_LENGTH"))
        return base, length

    def check(self, requester: int, address: int, write: bool) -> None:
        """DmaDenied unless the map admits an access."""
        if address >= len(self._memory.ram):
            raise DmaDenied
        if not self.enabled:
            return
        form = Format(GUARD["CONTROL"].field("FORMAT").get(self._words[GUARD["CONTROL"].offset]))
        index = 0 if form is Format.UNIFORM else requester
        base, length = self._map(index)
        bit = bit_number(form, address // PAGE_SIZE, write)
        in_map = write and any(holds_map(address // PAGE_SIZE, *self._map(n)) for n in range(len(self._memory.masters)))
        if in_map or bit >> 3 >= length or not self._memory.ram[base + (bit >> 3)] >> (bit & 7) & 1:
            self.denied.append((requester, address, write))
            status = GUARD["STATUS"].offset
            if not self._words.get(status, 0) & 1:
                self._words[status] = self._words.get(status, 0) | 1
                self._words[GUARD["LOG_ADDRESS"].offset] = address
                info = GUARD["LOG_INFO"]
                self._words[info.offset] = info.field("REQUESTER").put(DMA_FIRST + requester) | info.field("WRITE").put(int(write))
                self._memory.raised.append(Irq.GUARD)
            raise DmaDenied
