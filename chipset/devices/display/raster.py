"""Where in the picture the display is."""

from dataclasses import dataclass

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from contracts.display import CELL_WIDTH, PICTURE_HEIGHT, PICTURE_WIDTH

__all__ = ["VGA_RASTER", "Raster", "RasterCounter"]


@dataclass(frozen=True)
class Raster:
    """Dots (horizontal) and lines (vertical) between two pictures: in front of the sync, the sync, behind it.

    A line's dots are a multiple of 8, with room for a cell beside the picture's.
    """

    front: int
    sync: int
    back: int
    vertical_front: int
    vertical_sync: int
    vertical_back: int

    def __post_init__(self) -> None:
        if (
            self.dots % CELL_WIDTH
            or self.front + self.sync + self.back < 2 * CELL_WIDTH
            or min(self.vertical_front, self.vertical_sync) < 1
        ):
            raise ValueError(f"{self} is no raster")

    @property
    def dots(self) -> int:
        """Of a line, whole."""
        return PICTURE_WIDTH + self.front + self.sync + self.back

    @property
    def lines(self) -> int:
        """Of a frame, whole."""
        return PICTURE_HEIGHT + self.vertical_front + self.vertical_sync + self.vertical_back


VGA_RASTER = Raster(front=16, sync=96, back=48, vertical_front=10, vertical_sync=2, vertical_back=33)
"""VESA's 640 x 480 at 60 Hz with a clock of 25 MHz."""


class RasterCounter(wiring.Component):
    """Counts dots and lines. A cell is looked up while the cell to its left is shown, so a line's dots are visible from the ninth cycle on.

    Members
    -------
    x, y : Out, dot and line of what is looked up
    line_end, frame_end : Out(1), the last cycle of a line, of a frame
    visible : Out(1), what is shown lies in the picture
    horizontal_sync, vertical_sync : Out(1)
    """

    def __init__(self, raster: Raster) -> None:
        self._raster = raster
        super().__init__({
            "x": Out(range(raster.dots)), "y": Out(range(raster.lines)), "line_end": Out(1), "frame_end": Out(1), "visible": Out(1),
            "horizontal_sync": Out(1), "vertical_sync": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        raster = self._raster
        inside = Signal()  # shown dots lie between the picture's left and right
        sync_at = CELL_WIDTH + PICTURE_WIDTH + raster.front
        vertical_sync_at = PICTURE_HEIGHT + raster.vertical_front
        m.d.comb += [
            self.line_end.eq(self.x == raster.dots - 1),
            self.frame_end.eq(self.line_end & (self.y == raster.lines - 1)),
            self.visible.eq(inside & (self.y < PICTURE_HEIGHT)),
        ]
        m.d.sync += self.x.eq(self.x + 1)
        for end, flag, begin, length in (
            (CELL_WIDTH - 1, inside, CELL_WIDTH, PICTURE_WIDTH), (sync_at - 1, self.horizontal_sync, sync_at, raster.sync),
        ):  # fmt: skip
            with m.If(self.x == end):
                m.d.sync += flag.eq(1)
            with m.If(self.x == (begin + length - 1) % raster.dots):
                m.d.sync += flag.eq(0)
        with m.If(self.line_end):
            m.d.sync += [self.x.eq(0), self.y.eq(self.y + 1)]
            with m.If(self.y == vertical_sync_at - 1):
                m.d.sync += self.vertical_sync.eq(1)
            with m.If(self.y == vertical_sync_at + raster.vertical_sync - 1):
                m.d.sync += self.vertical_sync.eq(0)
        with m.If(self.frame_end):
            m.d.sync += self.y.eq(0)
        return m
