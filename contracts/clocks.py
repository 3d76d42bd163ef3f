"""Frequencies that the timer's divider follows from, in Hz."""

__all__ = ["CYCLES_PER_PIT_TICK", "PIT_HZ", "SYSTEM_HZ"]

PIT_HZ = 1_193_182  # a PC's 8254: its first oscillator, 14.31818 MHz, by twelve
SYSTEM_HZ = 25_000_000  # what the simulated machine's clock stands for; a board has its own
CYCLES_PER_PIT_TICK = round(SYSTEM_HZ / PIT_HZ)
"""Cycles of the system clock in one of the 8254's."""
