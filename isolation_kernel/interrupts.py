"""Physical interrupts: the kernel's timer, the guard, and the lines of assigned devices, which go to their owners."""

from contracts.devices import DEVICES
from contracts.interrupt_setup import END_OF_INTERRUPT, FIRST_VECTOR, MASKS, PIT_MAX, PIT_MIN, SETUP
from contracts.memory_map import Irq, Port
from isolation_kernel.foundation import Foundation

__all__ = ["PhysicalInterrupts"]

_MASK = 0xFFFF - sum(1 << irq for irq in {Irq.TIMER, Irq.CASCADE, Irq.GUARD, *(device.irq for device in DEVICES.values())})


class PhysicalInterrupts:
    """The physical 8259s and 8254, which belong to the kernel."""

    def __init__(self, base: Foundation, timer_ticks: int) -> None:
        """``timer_ticks``: the 8254's divisor, cut to what it can be."""
        self._base, count = base, max(PIT_MIN, min(timer_ticks, PIT_MAX))
        base.access((*SETUP, *zip(MASKS, (_MASK, _MASK >> 8), strict=True), (Port.PIT, count), (Port.PIT, count >> 8)))

    def line(self, vector: int) -> int | None:
        """The line of an interrupt that was taken, its service ended; None if it is not one of these."""
        irq = vector - FIRST_VECTOR
        if irq not in END_OF_INTERRUPT:
            return None
        self._base.access(END_OF_INTERRUPT[irq])
        return irq
