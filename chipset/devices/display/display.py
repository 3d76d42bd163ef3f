"""The text display, whole: its three ways for software, and its dots."""

from amaranth.hdl import Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.display.dots import Dots
from chipset.devices.display.memories import LineMemory, ScreenMemory, Wiper
from chipset.devices.display.port import Video
from chipset.devices.display.raster import VGA_RASTER, Raster
from chipset.devices.display.registers import DisplayRegisters
from chipset.interconnect.ports import IoSignature, PagesSignature
from contracts.display import SCREEN_WINDOW
from contracts.memory_map import PAGE_SIZE

__all__ = ["Display", "DisplayStraps"]


class DisplayStraps(data.Struct):
    """Switches of control runs, zero on every board."""

    open_line: 1  # writes to the trusted line need no authority
    keep_memory: 1  # a platform reset leaves both memories as they are


class Display(wiring.Component):
    """For 2,048 cycles after a platform reset it clears its memories and is dark; accesses to them wait so long.

    Parameters
    ----------
    raster : Raster

    Members
    -------
    screen : In(PagesSignature), the window at ``Physical.SCREEN``; answers anybody
    line : In(PagesSignature), the page at ``Physical.TRUSTED_LINE``; takes writes with ring −1's authority alone, reads as ones
    attribute, crtc : In(IoSignature), as of ``DisplayRegisters``
    video : Out(Video)
    straps : In(DisplayStraps)
    """

    def __init__(self, raster: Raster = VGA_RASTER) -> None:
        self._raster = raster
        super().__init__({
            "screen": In(PagesSignature(SCREEN_WINDOW // PAGE_SIZE)), "line": In(PagesSignature(1)),
            "attribute": In(IoSignature()), "crtc": In(IoSignature()), "video": Out(Video), "straps": In(DisplayStraps),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.wiper = wiper = Wiper()
        m.submodules.screen = screen = ScreenMemory()
        m.submodules.line = line = LineMemory()
        m.submodules.registers = registers = DisplayRegisters()
        m.submodules.dots = dots = Dots(self._raster)
        for part, port in ((screen.block, self.screen), (line.block, self.line)):
            wiring.connect(m, wiring.flipped(port), part)
        wiring.connect(m, wiring.flipped(self.attribute), registers.attribute)
        wiring.connect(m, wiring.flipped(self.crtc), registers.crtc)
        m.d.comb += [
            wiper.keep.eq(self.straps.keep_memory), line.open.eq(self.straps.open_line),
            screen.wipe.eq(wiper.wipe), line.wipe.eq(wiper.wipe), dots.dark.eq(wiper.wipe.busy),
            screen.fetch.eq(dots.fetch), screen.address.eq(dots.address), dots.cell.eq(screen.cell),
            line.column.eq(dots.column), dots.line_cell.eq(line.cell),
            *(getattr(dots, name).eq(getattr(registers, name)) for name in ("start", "cursor", "shape", "blink")),
            registers.no_display.eq(~dots.video.visible), registers.vertical_retrace.eq(dots.video.vertical_sync),
            self.video.eq(dots.video),
        ]  # fmt: skip
        return m
