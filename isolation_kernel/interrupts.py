"""Physical interrupts: the kernel's timer, the guard, and the lines of assigned devices, which go to their owners."""

from contracts.devices import DEVICES
from contracts.interrupt_setup import FIRST_VECTOR, LINES, end_of_interrupt, setup
from contracts.memory_map import Irq
from isolation_kernel.foundation import Foundation

__all__ = ["PhysicalInterrupts"]

_UNMASKED = frozenset({Irq.TIMER, Irq.CASCADE, Irq.GUARD} | {device.irq for device in DEVICES.values()})


class PhysicalInterrupts:
    """The physical 8259s and 8254, which belong to the kernel."""

    def __init__(self, base: Foundation, timer_ticks: int) -> None:
        """``timer_ticks``: the 8254's divisor."""
        self._base = base
        base.access(setup(_UNMASKED, timer_ticks))

    def line(self, vector: int) -> int | None:
        """The line of an interrupt that was taken, its service ended; None if it is not one of these."""
        irq = vector - FIRST_VECTOR
        if irq not in range(LINES):
            return None
        self._base.access(end_of_interrupt(irq))
        return irq
