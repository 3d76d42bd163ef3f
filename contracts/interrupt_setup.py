"""How the physical 8259s and channel 0 of the 8254 are programmed (Intel 8259A and 8254 data sheets), as bytes to ports."""

from collections.abc import Iterator

from contracts.memory_map import Irq, Port

__all__ = ["FIRST_VECTOR", "LINES", "SLAVE_LINES", "end_of_interrupt", "setup"]

FIRST_VECTOR = 0x20  # of line 0; line 8 is at FIRST_VECTOR + 8
LINES = 16
SLAVE_LINES = range(8, LINES)
_ICW1, _ICW4 = 0x11, 0x01
_SPECIFIC_EOI = 0x60
_PIT_CHANNEL0_RATE = 0x34  # low and high byte, mode 2
_PIT_MAX = 0xFFFF


def setup(unmasked: frozenset[Irq], timer_ticks: int) -> Iterator[tuple[int, int]]:
    """Ports and bytes: only these lines interrupt; ``timer_ticks`` is the 8254's divisor, cut to what it can be."""
    mask = 0xFFFF - sum(1 << irq for irq in unmasked)
    for port, vector, wiring, lines in (
        (Port.PIC_MASTER, FIRST_VECTOR, 1 << Irq.CASCADE, mask & 0xFF),
        (Port.PIC_SLAVE, FIRST_VECTOR + 8, Irq.CASCADE, mask >> 8),
    ):
        yield port, _ICW1
        yield from ((port + 1, word) for word in (vector, int(wiring), _ICW4, lines))
    count = max(2, min(timer_ticks, _PIT_MAX))
    yield from ((Port.PIT + 3, _PIT_CHANNEL0_RATE), (Port.PIT, count & 0xFF), (Port.PIT, count >> 8))


def end_of_interrupt(irq: int) -> Iterator[tuple[int, int]]:
    """Ports and bytes that end a line's service."""
    if irq in SLAVE_LINES:
        yield Port.PIC_SLAVE, _SPECIFIC_EOI | irq - SLAVE_LINES.start
    yield Port.PIC_MASTER, _SPECIFIC_EOI | (Irq.CASCADE if irq in SLAVE_LINES else irq)
