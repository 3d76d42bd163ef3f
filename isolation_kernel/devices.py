"""Devices that can be assigned: what each consists of, and how it is brought to rest before it changes hands."""

from dataclasses import dataclass
from enum import IntEnum

from contracts.dma_engine import DMA_ENGINE
from contracts.memory_map import DMA_ENGINE_STRIDE, PAGE_SIZE, Irq, Physical, Port
from isolation_kernel.machine import Machine

__all__ = ["DEVICES", "Device", "DeviceNumber", "reset_device"]

_RESET_POLLS = 1000
_UART_PORTS = 8
_UART_INTERRUPT_ENABLE, _UART_FIFO_CONTROL, _UART_LINE_CONTROL, _UART_MODEM_CONTROL = 1, 2, 3, 4
_UART_CLEAR_FIFOS = 0x07


class DeviceNumber(IntEnum):
    """Numbers of the devices, as hypercalls use them."""

    DMA0 = 0
    DMA1 = 1
    COM1 = 2


@dataclass(frozen=True)
class Device:
    """Ports, one register page, an interrupt line and a DMA requester, as far as the device has them."""

    number: DeviceNumber
    irq: Irq
    ports: range = range(0)
    page: int | None = None
    requester: int | None = None


def _engine(index: int) -> Device:
    page = (Physical.DMA_ENGINES + index * DMA_ENGINE_STRIDE) // PAGE_SIZE
    return Device(DeviceNumber(index), Irq(Irq.DMA0 + index), page=page, requester=index)


DEVICES: dict[DeviceNumber, Device] = {
    DeviceNumber.DMA0: _engine(0),
    DeviceNumber.DMA1: _engine(1),
    DeviceNumber.COM1: Device(DeviceNumber.COM1, Irq.COM1, ports=range(Port.COM1, Port.COM1 + _UART_PORTS)),
}


def reset_device(machine: Machine, device: Device) -> bool:
    """Stop a device and clear its state; False if it does not come to rest (then nobody may have it)."""
    if device.page is not None:
        control = DMA_ENGINE["CONTROL"]
        reset = control.field("RESET")
        at = device.page * PAGE_SIZE + control.offset
        machine.write32(at, reset.put(1))
        return any(not reset.get(machine.read32(at)) for _ in range(_RESET_POLLS))
    for register, value in (
        (_UART_LINE_CONTROL, 0), (_UART_INTERRUPT_ENABLE, 0), (_UART_FIFO_CONTROL, _UART_CLEAR_FIFOS), (_UART_MODEM_CONTROL, 0),
    ):  # fmt: skip
        machine.io_write(device.ports.start + register, value)
    return True
