"""PCI configuration space. The kernel places each function's ports once; a guest reads the bridges, and reaches the functions that it owns.

No guest writes a base address: what it has set it is told by the room without authority (``virtual_pc/pci.py``). All else of an owned
function is the hardware's own register.
"""

from contracts.devices import DEVICES, Device
from contracts.machine import Machine
from contracts.memory_map import Port
from contracts.pci import BASE_ADDRESSES, FUNCTIONS
from isolation_kernel.partition import Partition
from virtual_pc.requests import Configure

__all__ = ["configure", "reset_function"]

_REGISTER, _OFFSET, _FUNCTION = 0xFFFF_FFFC, 0xFC, ~0xFF  # bits of CONFIG_ADDRESS
_ASSIGNABLE = {d.function.select(0): number for number, d in DEVICES.items() if d.function is not None}
_BRIDGES = {f.select(0) for f in FUNCTIONS} - _ASSIGNABLE.keys()


def reset_function(machine: Machine, device: Device) -> None:
    """Configuration as after a platform reset, but for what the kernel sets (``Device.settings``)."""
    if device.function is not None:
        for offset, word in device.function.words.items():
            if word.writable:
                machine.io_write32(Port.PCI_ADDRESS, device.function.select(offset))
                machine.io_write32(Port.PCI_DATA, word.reset | device.settings.get(offset, 0))


def configure(partition: Partition, asked: Configure) -> int:
    """A byte for a guest: ones where nothing is that concerns it; what it may not write is dropped."""
    machine, filtered = partition.base.machine, partition.base.protections.pci_configuration
    register, port, reads = asked.address & _REGISTER, Port.PCI_DATA + asked.lane % 4, asked.value is None
    number = _ASSIGNABLE.get(register & _FUNCTION)
    if number in partition.devices or number is not None and not filtered:
        allowed = reads or not filtered or register & _OFFSET not in BASE_ADDRESSES
    else:
        allowed = reads and register & _FUNCTION in _BRIDGES
    if not allowed:
        return 0xFF
    machine.io_write32(Port.PCI_ADDRESS, register)
    if asked.value is None:
        return machine.io_read(port)
    machine.io_write(port, asked.value & 0xFF)
    return 0
