"""Ports that a guest does not own: a virtual device where one is needed, ones elsewhere."""

from enum import IntEnum

from contracts.memory_map import Port
from isolation_kernel.partition import Partition

__all__ = ["PortEffect", "read_port", "write_port"]

_PIC_PORTS = (Port.PIC_MASTER, Port.PIC_MASTER + 1, Port.PIC_SLAVE, Port.PIC_SLAVE + 1)
_PIT_PORTS = range(Port.PIT, Port.PIT + 4)
_UART_PORTS = range(Port.COM1, Port.COM1 + 8)
_PCI_PORTS = range(Port.PCI_DATA, Port.PCI_DATA + 4)
_ONES = 0xFF
_KBC_READ_OUTPUT, _KBC_WRITE_OUTPUT = 0xD0, 0xD1
_KBC_PULSE, _KBC_PULSE_MASK = 0xF0, 0xF1  # F0h to FEh pulse the lines whose bits are 0; line 0 is reset
_OUTPUT_PORT = 0xDF  # A20 on, no reset
_OUTPUT_NO_RESET = 1 << 0
_STATUS_OUTPUT_FULL = 1 << 0
_FAST_A20 = 1 << 1
_RESET_BITS: dict[int, int] = {Port.SYSTEM_CONTROL_A: 1 << 0, Port.RESET_CONTROL: 1 << 2}
_FIXED: dict[int, int] = {Port.DEBUG_CONSOLE: 0xE9, Port.SYSTEM_CONTROL_A: _FAST_A20}


class PortEffect(IntEnum):
    """What a write does beyond the guest's own devices."""

    NONE = 0
    RESET = 1  # the guest asks for a reset: of itself, as far as it can tell
    EXIT = 2  # the guest ends


def read_port(partition: Partition, port: int, now: int) -> int:
    """A byte."""
    if port in _PIC_PORTS:
        return partition.pic.read(port)
    if port in _PIT_PORTS:
        return partition.pit.read(port, now)
    if port in _UART_PORTS:
        return partition.uart.read(port - Port.COM1)
    if port in _PCI_PORTS:
        return partition.pci.read(partition.devices, port - Port.PCI_DATA)
    if port == Port.KBC_STATUS:
        return _STATUS_OUTPUT_FULL if partition.keyboard_output is not None else 0
    if port == Port.KBC_DATA:
        value, partition.keyboard_output = partition.keyboard_output, None
        return 0 if value is None else value
    return _FIXED.get(port, _ONES)


def write_port(partition: Partition, port: int, value: int, now: int) -> PortEffect:
    """A byte; what it asks for. A20 stays on, whoever asks."""
    reset = bool(value & _RESET_BITS.get(port, 0))
    if port in _PIC_PORTS:
        partition.pic.write(port, value)
    elif port in _PIT_PORTS:
        partition.pit.write(port, value, now)
    elif port in _UART_PORTS:
        partition.say(partition.uart.write(port - Port.COM1, value))
    elif port in _PCI_PORTS:
        partition.pci.write(partition.devices, port - Port.PCI_DATA, value)
    elif port == Port.DEBUG_CONSOLE:
        partition.say(bytes([value]))
    elif port == Port.KBC_STATUS:
        reset = value & _KBC_PULSE_MASK == _KBC_PULSE
        partition.keyboard_command = value if value == _KBC_WRITE_OUTPUT else 0
        if value == _KBC_READ_OUTPUT:
            partition.keyboard_output = _OUTPUT_PORT
    elif port == Port.KBC_DATA:
        reset = partition.keyboard_command == _KBC_WRITE_OUTPUT and not value & _OUTPUT_NO_RESET
        partition.keyboard_command = 0
    elif port == Port.EXIT:
        partition.exit_status = value
        return PortEffect.EXIT
    return PortEffect.RESET if reset else PortEffect.NONE
