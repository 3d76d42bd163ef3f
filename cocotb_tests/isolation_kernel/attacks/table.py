"""All attacks: those of the files beside this one, each of which adds its own to the list."""

from cocotb_tests.isolation_kernel.attacks import channels, disk, dma, hypercalls, page_tables, registers, taken_away, time
from cocotb_tests.isolation_kernel.attacks.attack import ATTACKS

__all__ = ["ATTACKS", "THEMES"]

THEMES = (page_tables, taken_away, dma, registers, time, hypercalls, channels, disk)
