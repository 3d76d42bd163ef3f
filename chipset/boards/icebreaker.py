"""The demonstration of the DMA guard on an iCEBreaker (Lattice iCE40 UP5K)."""

from typing import Any

from amaranth.hdl import Module
from amaranth.lib import io, wiring

from chipset.boards.guard_demo.demo import GuardDemo
from chipset.boards.guard_demo.layout import MAIN_BYTES
from chipset.boards.ice40_ram import SpRam
from chipset.memory_controller.ram import WORD_BYTES

__all__ = ["BAUD", "CLOCK_HZ", "Icebreaker"]

CLOCK_HZ = 12_000_000  # the board's oscillator
BAUD = 115_200


class Icebreaker(wiring.Component):
    """The demonstration joined to the pads of ``amaranth_boards.icebreaker``: the report on the serial line of the board's USB port, the
    green light once both kinds of round have passed, the red one from a failed round on.

    Parameters
    ----------
    guarded : as of ``GuardDemo``
    """

    def __init__(self, *, guarded: bool = True) -> None:
        memories = [SpRam(MAIN_BYTES // WORD_BYTES) for _ in range(2)]
        self._demo = GuardDemo(memories, bit_cycles=round(CLOCK_HZ / BAUD), guarded=guarded)
        super().__init__({})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.demo = demo = self._demo
        uart = platform.request("uart", 0, dir={"rx": "-", "tx": "-"})
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        m.d.comb += tx.o.eq(demo.tx)
        for name, value in (("led_g", demo.passed), ("led_r", demo.failed)):
            m.submodules[name] = led = io.Buffer("o", platform.request(name, 0, dir="-"))
            m.d.comb += led.o.eq(value)
        return m
