"""The display's dots with flat pins, for a simulator whose host side takes pictures (``sim/display/screen.py``)."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib.wiring import In, Out

from chipset.devices.display.port import Levels, Video
from chipset.devices.simulation_pins import SimulationPins

__all__ = ["DOTS_IN_WORD", "DisplayPort"]

DOTS_IN_WORD = 4
_BYTE = 8


class DisplayPort(SimulationPins):
    """Passes one frame each time that it is asked, so that a long run costs nothing but the pictures that are taken. It is a whole one
    unless the display is reset in its middle. Its pins are all members but ``video``, each as ``display_NAME``.

    Platform reset does not reset it.

    Members
    -------
    video : In(Video)
    capture : In(1), pass the next frame; held until ``captured`` Out(1), which stays 1 as long
    dots_valid, dots : Out, four visible dots, the left one in the lowest byte: red, green, blue in bits 5:4, 3:2, 1:0
    """

    prefix = "display_"
    inside = frozenset({"video"})

    video: In(Video)
    capture: In(1)
    captured: Out(1)
    dots_valid: Out(1)
    dots: Out(_BYTE * DOTS_IN_WORD)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        count = Signal(range(DOTS_IN_WORD))
        earlier = Signal(_BYTE * (DOTS_IN_WORD - 1))
        passing = Signal()
        before = Signal()
        begins = Signal()  # held in reset, a display stands at a frame's beginning
        levels = self.video.levels.as_value()
        padding = Signal(_BYTE - Levels.as_shape().size)
        dots = Cat(earlier, levels, padding)
        m.d.sync += before.eq(self.video.frame)
        m.d.comb += [self.dots.eq(dots), begins.eq(self.video.frame & ~before)]
        with m.If(self.video.visible):
            m.d.sync += [count.eq(count + 1), earlier.eq(dots[_BYTE:])]
        with m.If(begins):
            m.d.sync += count.eq(0)
        m.d.comb += self.dots_valid.eq(passing & self.video.visible & (count == DOTS_IN_WORD - 1))
        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.capture & begins):
                    m.next = "PASS"
            with m.State("PASS"):
                m.d.comb += passing.eq(1)
                with m.If(begins):
                    m.d.comb += passing.eq(0)
                    m.next = "CAPTURED"
            with m.State("CAPTURED"):
                m.d.comb += self.captured.eq(1)
                with m.If(~self.capture):
                    m.next = "IDLE"
        return m
