"""Devices that can be assigned to a guest, as data: no driver of any of them is here.

A device with a DMA requester is brought to rest by the guard's DEVICE_RESET, which knows no device either.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from contracts.hypercalls import DeviceNumber
from contracts.ide import CHANNEL_PORTS, IDE_REQUESTER
from contracts.memory_map import DMA_ENGINE_STRIDE, PAGE_SIZE, Irq, Physical, Port
from contracts.pci import BAR_IO_MASK, IDE_FUNCTION, Command, ConfigOffset, Function

__all__ = ["DEVICES", "Device", "DeviceNumber"]

_UART_PORTS = 8
_UART_ENABLE, _UART_FIFO, _UART_LINE, _UART_MODEM, _UART_STATUS, _UART_MODEM_STATUS, _UART_SCRATCH = range(Port.COM1 + 1, Port.COM1 + 8)
_UART_CLEAR_FIFOS, _UART_DIVISOR_ACCESS = 0x07, 0x80
_BASE = 0xC000  # where the kernel places the ports of PCI functions: above those of every other device
_BASE_PORTS = -BAR_IO_MASK & 0xFFFF_FFFF


@dataclass(frozen=True)
class Device:
    """An interrupt line, ports, one register page, a DMA requester and a PCI function, as far as the device has them.

    ``quiet``: ports and bytes (None: it is read) that bring it to rest, with nothing of its last owner left, if it has no requester.
    ``settings``: what configuration space holds beyond its reset values, by offset.
    """

    irq: Irq
    ports: tuple[int, ...] = ()
    page: int | None = None
    requester: int | None = None
    quiet: tuple[tuple[int, int | None], ...] = ()
    function: Function | None = None
    settings: Mapping[int, int] = field(default_factory=dict)


def _engine(index: int) -> Device:
    return Device(Irq(Irq.DMA0 + index), page=(Physical.DMA_ENGINES + index * DMA_ENGINE_STRIDE) // PAGE_SIZE, requester=index)


DEVICES: dict[DeviceNumber, Device] = {
    DeviceNumber.DMA0: _engine(0),
    DeviceNumber.DMA1: _engine(1),
    DeviceNumber.COM1: Device(
        Irq.COM1,
        tuple(range(Port.COM1, Port.COM1 + _UART_PORTS)),
        quiet=(
            (_UART_MODEM, 0), (_UART_LINE, _UART_DIVISOR_ACCESS), (Port.COM1, 0), (_UART_ENABLE, 0), (_UART_LINE, 0), (_UART_ENABLE, 0),
            (_UART_FIFO, _UART_CLEAR_FIFOS), (_UART_FIFO, 0), (_UART_SCRATCH, 0), (_UART_STATUS, None), (_UART_MODEM_STATUS, None),
        ),
    ),
    DeviceNumber.IDE: Device(
        Irq.IDE_PRIMARY,
        (*range(Port.IDE_PRIMARY, Port.IDE_PRIMARY + CHANNEL_PORTS), Port.IDE_PRIMARY_CONTROL, *range(_BASE, _BASE + _BASE_PORTS)),
        requester=IDE_REQUESTER,
        function=IDE_FUNCTION,
        settings={ConfigOffset.BAR4: _BASE, ConfigOffset.COMMAND: Command.IO},
    ),
}  # fmt: skip
