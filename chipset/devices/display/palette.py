"""Colours to levels: ``contracts.display.levels`` as a circuit. There is nothing in it that software could change."""

from amaranth.hdl import Cat, Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.display.port import Levels
from contracts.display import BROWN

__all__ = ["COLOUR_WIDTH", "Palette"]

COLOUR_WIDTH = 4


class Palette(wiring.Component):
    """``colour`` In(4): bright, red, green, blue; ``trusted`` In(1), it is one of the trusted line; ``levels`` Out(Levels), in the same
    cycle."""

    colour: In(COLOUR_WIDTH)
    trusted: In(1)
    levels: Out(Levels)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        blue, green, red, bright = self.colour
        brown = (self.colour == BROWN) & ~self.trusted
        m.d.comb += [
            self.levels.red.eq(Cat(bright, red)),
            self.levels.green.eq(Mux(brown, 1, Cat(bright, green))),
            self.levels.blue.eq(Cat(bright ^ self.trusted, blue)),
        ]
        return m
