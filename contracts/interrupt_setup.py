"""How the physical 8259s and channel 0 of the 8254 are programmed (Intel 8259A and 8254 data sheets): ports and bytes, as tables."""

from contracts.memory_map import Irq, Port

__all__ = ["END_OF_INTERRUPT", "FIRST_VECTOR", "MASKS", "PIT_MAX", "PIT_MIN", "SETUP"]

FIRST_VECTOR = 0x20  # of line 0; line 8 is at FIRST_VECTOR + 8
_SLAVE = 8  # its first line
_ICW1, _ICW4 = 0x11, 0x01
_SPECIFIC_EOI = 0x60
_PIT_CHANNEL0_RATE = 0x34  # low and high byte, mode 2
PIT_MIN, PIT_MAX = 2, 0xFFFF  # of a divisor in that mode

MASKS = Port.PIC_MASTER + 1, Port.PIC_SLAVE + 1  # a bit a line, 1: it does not interrupt
SETUP: tuple[tuple[int, int], ...] = (
    (Port.PIC_MASTER, _ICW1), (MASKS[0], FIRST_VECTOR), (MASKS[0], 1 << Irq.CASCADE), (MASKS[0], _ICW4),
    (Port.PIC_SLAVE, _ICW1), (MASKS[1], FIRST_VECTOR + _SLAVE), (MASKS[1], Irq.CASCADE), (MASKS[1], _ICW4),
    (Port.PIT + 3, _PIT_CHANNEL0_RATE),
)  # fmt: skip
"""Behind it the masks are to be written, and to ``Port.PIT`` the divisor's low and high byte."""

END_OF_INTERRUPT: dict[int, tuple[tuple[int, int], ...]] = {
    **{line: ((Port.PIC_MASTER, _SPECIFIC_EOI | line),) for line in range(_SLAVE)},
    **{_SLAVE + line: ((Port.PIC_SLAVE, _SPECIFIC_EOI | line), (Port.PIC_MASTER, _SPECIFIC_EOI | Irq.CASCADE)) for line in range(_SLAVE)},
}
"""By line: what ends its service."""
