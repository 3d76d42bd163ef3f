"""All attacks, by theme."""

from cocotb_tests.attacks.launch import blocks, disk, dma, measurements, resets, traps
from cocotb_tests.attacks.launch.attack import ATTACKS, Attack

__all__ = ["ATTACKS", "THEMES", "Attack"]

THEMES = (dma, disk, traps, measurements, blocks, resets)
