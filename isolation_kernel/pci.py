"""PCI configuration space. The kernel places each function's ports once; a guest sees the bridges, and the functions that it owns.

A guest's base addresses are words that the kernel keeps for it: they can be sized and set, and move nothing. All else of an owned
function is the hardware's own register.
"""

from collections.abc import Set

from contracts.devices import DEVICES, Device, DeviceNumber
from contracts.machine import Machine
from contracts.memory_map import Port
from contracts.pci import FUNCTIONS, ConfigWord

__all__ = ["BASE_ADDRESSES", "ConfigurationSpace", "reset_function"]

BASE_ADDRESSES = range(0x10, 0x28)  # offsets
_OFFSET, _FUNCTION = 0xFC, ~0xFF  # bits of CONFIG_ADDRESS
_ASSIGNABLE = {d.function.select(0): number for number, d in DEVICES.items() if d.function is not None}
_BRIDGES = {f.select(0) for f in FUNCTIONS} - _ASSIGNABLE.keys()


def reset_function(machine: Machine, device: Device) -> None:
    """Configuration as after a platform reset, but for what the kernel sets (``Device.settings``)."""
    if device.function is not None:
        for offset, word in device.function.words.items():
            if word.writable:
                machine.io_write32(Port.PCI_ADDRESS, device.function.select(offset))
                machine.io_write32(Port.PCI_DATA, word.reset | device.settings.get(offset, 0))


class ConfigurationSpace:
    """One guest's view. ``address`` is its CONFIG_ADDRESS; ``owned`` its devices; ``lane`` a byte of CONFIG_DATA."""

    def __init__(self, machine: Machine, filtered: bool = True) -> None:
        self._machine = machine
        self._filtered = filtered
        self._bases: dict[int, int] = {}  # base addresses that the guest has set, by the CONFIG_ADDRESS of their register
        self.address = 0

    def _own(self, owned: Set[DeviceNumber]) -> Device | None:
        """The device whose function is addressed, if it is the guest's."""
        number = _ASSIGNABLE.get(self.address & _FUNCTION)
        return DEVICES[number] if number is not None and (number in owned or not self._filtered) else None

    def _base(self, device: Device) -> int | None:
        """The base address register that is addressed, if one is."""
        offset = self.address & _OFFSET
        if device.function is None or offset not in BASE_ADDRESSES or not self._filtered:
            return None
        word = device.function.words.get(offset, ConfigWord(0))
        return self._bases.get(self.address, device.settings.get(offset, 0)) & word.writable | word.reset

    def read(self, owned: Set[DeviceNumber], lane: int) -> int:
        """Ones where nothing is that concerns the guest."""
        device = self._own(owned)
        if device is None and self.address & _FUNCTION not in _BRIDGES:
            return 0xFF
        if device is not None and (base := self._base(device)) is not None:
            return base >> 8 * lane & 0xFF
        self._machine.io_write32(Port.PCI_ADDRESS, self.address)
        return self._machine.io_read(Port.PCI_DATA + lane)

    def write(self, owned: Set[DeviceNumber], lane: int, value: int) -> None:
        """Dropped where the guest owns nothing."""
        device = self._own(owned)
        if device is not None and (base := self._base(device)) is not None:
            self._bases[self.address] = base & ~(0xFF << 8 * lane) | value << 8 * lane
        elif device is not None:
            self._machine.io_write32(Port.PCI_ADDRESS, self.address)
            self._machine.io_write(Port.PCI_DATA + lane, value)

    def forget(self, device: Device) -> None:
        """The guest has lost a device."""
        if device.function is not None:
            function = device.function.select(0)
            self._bases = {at: base for at, base in self._bases.items() if at & _FUNCTION != function}
