"""All attacks, by theme."""

from cocotb_tests.attacks.dma import boundaries, bus, descriptors, disk, floods, history, maps, races, registers, resets
from cocotb_tests.attacks.dma.attack import ATTACKS, Attack

__all__ = ["ATTACKS", "THEMES", "Attack"]

THEMES = (bus, descriptors, boundaries, maps, races, registers, resets, floods, history, disk)
