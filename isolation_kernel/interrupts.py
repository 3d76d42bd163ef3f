"""Physical interrupts: the kernel's timer, the guard, and the lines of assigned devices, which go to their owners."""

from contracts.devices import DEVICES
from contracts.machine import Machine
from contracts.memory_map import Irq, Port

__all__ = ["FIRST_VECTOR", "PhysicalInterrupts"]

FIRST_VECTOR = 0x20  # of line 0; line 8 is at FIRST_VECTOR + 8
_LINES = 16
_ICW1, _ICW4 = 0x11, 0x01
_SPECIFIC_EOI = 0x60
_PIT_CHANNEL0_RATE = 0x34  # low and high byte, mode 2
_PIT_MAX = 0xFFFF
_UNMASKED = {Irq.TIMER, Irq.CASCADE, Irq.GUARD} | {device.irq for device in DEVICES.values()}


class PhysicalInterrupts:
    """The physical 8259s and 8254, which belong to the kernel."""

    def __init__(self, machine: Machine, timer_ticks: int) -> None:
        """``timer_ticks``: the 8254's divisor."""
        self._machine = machine
        mask = 0xFFFF - sum(1 << irq for irq in _UNMASKED)
        for port, vector, wiring, lines in (
            (Port.PIC_MASTER, FIRST_VECTOR, 1 << Irq.CASCADE, mask & 0xFF),
            (Port.PIC_SLAVE, FIRST_VECTOR + 8, Irq.CASCADE, mask >> 8),
        ):
            machine.io_write(port, _ICW1)
            for word in (vector, int(wiring), _ICW4, lines):
                machine.io_write(port + 1, word)
        count = max(2, min(timer_ticks, _PIT_MAX))
        machine.io_write(Port.PIT + 3, _PIT_CHANNEL0_RATE)
        machine.io_write(Port.PIT, count & 0xFF)
        machine.io_write(Port.PIT, count >> 8)

    def line(self, vector: int) -> int | None:
        """The line of an interrupt that was taken, its service ended; None if it is not one of these."""
        irq = vector - FIRST_VECTOR
        if not 0 <= irq < _LINES:
            return None
        if irq >= 8:
            self._machine.io_write(Port.PIC_SLAVE, _SPECIFIC_EOI | irq - 8)
        self._machine.io_write(Port.PIC_MASTER, _SPECIFIC_EOI | (Irq.CASCADE if irq >= 8 else irq))
        return irq
