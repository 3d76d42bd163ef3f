"""The display with flat pins, for a model: accesses are played by its transactor, frames come out as a stream."""

from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.display.display import Display
from chipset.devices.display.raster import Raster
from chipset.devices.display.simulation_port import DisplayPort
from sim.display.screen import CAPTURED, DISPLAY_STREAM
from sim.model import ModelSpec, Transactor

__all__ = ["RASTER", "SPEC", "ShownTop", "Way"]

RASTER = Raster(front=8, sync=8, back=8, vertical_front=2, vertical_sync=2, vertical_back=2)  # a frame as short as can be


class Way(enum.Enum, shape=2):
    """Where an access goes."""

    SCREEN = 0
    LINE = 1
    ATTRIBUTE = 2
    CRTC = 3


class ShownTop(wiring.Component):
    """A transaction is an access: ``address`` is a byte's in the window or the page (bits 1:0 are 0), or a port's from the first one on.

    ``display_…`` : as of ``DisplayPort``; ``visible`` and the syncs : as of ``Video``; ``straps`` : ``DisplayStraps``; ``platform_reset``
    """

    def __init__(self) -> None:
        self._pins = DisplayPort()
        super().__init__({
            "way": In(Way), "write": In(1), "address": In(15), "mask": In(4), "data": In(32), "privileged": In(1),
            "valid": In(1), "ready": Out(1), "answer": Out(32), "answered": Out(1),
            **self._pins.pins(),
            "horizontal_sync": Out(1), "vertical_sync": Out(1), "visible": Out(1), "straps": In(2), "platform_reset": In(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        display = Display(RASTER)
        m.submodules.display = ResetInserter(self.platform_reset)(display)
        m.submodules.pins = pins = self._pins
        pins.join(m, self)
        word = Signal(13)
        read_data = Signal(32)
        m.d.comb += [
            word.eq(self.address[2:]), pins.video.eq(display.video), display.straps.eq(self.straps),
            self.horizontal_sync.eq(display.video.horizontal_sync), self.vertical_sync.eq(display.video.vertical_sync),
            self.visible.eq(display.video.visible),
        ]  # fmt: skip
        for way, block in ((Way.SCREEN, display.screen), (Way.LINE, display.line)):
            m.d.comb += [
                block.valid.eq(self.valid & (self.way == way)), block.write.eq(self.write), block.page.eq(word[10:]),
                block.address.eq(word), block.mask.eq(self.mask), block.write_data.eq(self.data), block.privileged.eq(self.privileged),
            ]  # fmt: skip
            with m.If(self.way == way):
                m.d.comb += [self.ready.eq(block.ready), read_data.eq(block.read_data)]
        for way, io in ((Way.ATTRIBUTE, display.attribute), (Way.CRTC, display.crtc)):
            here = self.valid & (self.way == way)
            m.d.comb += [
                io.address.eq(self.address), io.read.eq(here & ~self.write), io.write.eq(here & self.write), io.write_data.eq(self.data),
            ]  # fmt: skip
            with m.If(self.way == way):
                m.d.comb += [self.ready.eq(1), read_data.eq(io.read_data)]
        m.d.sync += [self.answer.eq(read_data), self.answered.eq(self.valid & self.ready)]
        return m


SPEC = ModelSpec(
    f"{__name__}:ShownTop",
    rooms=("contracts", "chipset", "cocotb_tests/chipset/devices/display/shown_top.py"),
    stops=(CAPTURED, "vertical_sync"),
    streams=(DISPLAY_STREAM,),
    transactor=Transactor(("way", "write", "address", "mask", "data", "privileged"), "valid", "ready", ("answer",), "answered"),
)
