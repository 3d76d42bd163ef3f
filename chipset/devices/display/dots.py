"""From cells to dots: what is looked up where, the font, attributes, the cursor."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.display.font import GLYPHS, glyphs
from chipset.devices.display.memories import CELL_BITS, SCREEN_CELLS
from chipset.devices.display.palette import COLOUR_WIDTH, Palette
from chipset.devices.display.port import Video
from chipset.devices.display.raster import Raster, RasterCounter
from chipset.devices.display.registers import ADDRESS_WIDTH, CursorShape
from contracts.display import CELL_HEIGHT, CELL_WIDTH, COLUMNS, PICTURE_WIDTH, ROWS

__all__ = ["BLINK_FRAMES", "CURSOR_FRAMES", "Dots"]

CURSOR_FRAMES = 8  # that the cursor is on, and off
BLINK_FRAMES = 16  # the same of blinking characters
_LOOK_UP, _READ_FONT, _KEEP_GLYPH, _SHOW = 0, 1, 2, CELL_WIDTH - 1  # when in a cell's time
_FIRST_ROW = 1  # of the guests'; above it is the trusted line


class _Attribute(data.Struct):
    """The upper byte of a cell."""

    foreground: COLOUR_WIDTH
    background: COLOUR_WIDTH - 1
    high: 1  # of the background, or it blinks


class _Shown(data.Struct):
    """How a cell's dots are coloured."""

    foreground: COLOUR_WIDTH
    background: COLOUR_WIDTH
    trusted: 1
    lit: 1  # 0: dark, whatever the glyph


class Dots(wiring.Component):
    """Row 0 of the picture comes from the line's memory and from nothing else: no register leads there or changes its look.

    Parameters
    ----------
    raster : Raster

    Members
    -------
    column : Out, of the line's cell that is looked at; line_cell : In(16), the next cycle
    fetch : Out(1), address : Out, of the guests' cell; cell : In(16), the next cycle
    start, cursor, shape, blink : In, as of ``DisplayRegisters``
    dark : In(1), nothing is shown
    video : Out(Video)
    """

    def __init__(self, raster: Raster) -> None:
        self._raster = raster
        super().__init__({
            "column": Out(range(COLUMNS)), "line_cell": In(CELL_BITS),
            "fetch": Out(1), "address": Out(range(SCREEN_CELLS)), "cell": In(CELL_BITS),
            "start": In(ADDRESS_WIDTH), "cursor": In(ADDRESS_WIDTH), "shape": In(CursorShape), "blink": In(1), "dark": In(1),
            "video": Out(Video),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.raster = raster = RasterCounter(self._raster)
        dot_bits, row_bits = CELL_WIDTH.bit_length() - 1, CELL_HEIGHT.bit_length() - 1
        time, column = raster.x[:dot_bits], raster.x[dot_bits:]
        scan, row = raster.y[:row_bits], raster.y[row_bits:]
        in_line = row < _FIRST_ROW
        in_screen = ~in_line & (row < _FIRST_ROW + ROWS)
        in_columns = column < COLUMNS
        frames = Signal(range(2 * BLINK_FRAMES))
        position = self._follow(m, raster, scan, in_screen)
        with m.If(raster.frame_end):
            m.d.sync += frames.eq(frames + 1)
        m.d.comb += [
            self.column.eq(column), self.address.eq(position), self.fetch.eq((time == _LOOK_UP) & in_columns & in_screen),
        ]  # fmt: skip

        m.submodules.font = font = memory.Memory(shape=CELL_WIDTH, depth=GLYPHS * CELL_HEIGHT, init=b"".join(glyphs()))
        glyph = font.read_port()
        cell = Signal(CELL_BITS)
        attribute = Signal(_Attribute)
        m.d.comb += [
            cell.eq(Mux(in_line, self.line_cell, self.cell)), attribute.eq(cell[CELL_BITS // 2 :]),
            glyph.en.eq(1), glyph.addr.eq(Cat(scan, cell[: CELL_BITS // 2])),
        ]  # fmt: skip
        blinks = self.blink & ~in_line
        hidden = blinks & attribute.high & (frames >= BLINK_FRAMES)
        at_cursor = in_screen & (position == self.cursor) & ~self.shape.off & ((frames & CURSOR_FRAMES) == 0)
        at_cursor &= (self.shape.first <= scan) & (scan <= self.shape.last)
        following = Signal(_Shown)
        following_dots = Signal(CELL_WIDTH)
        covered = Signal()  # by the cursor
        shown = Signal(_Shown)
        dots = Signal(CELL_WIDTH)
        with m.Switch(time):
            with m.Case(_READ_FONT):
                background = Cat(attribute.background, attribute.high & ~blinks)
                m.d.sync += [
                    following.background.eq(background), following.foreground.eq(attribute.foreground), following.trusted.eq(in_line),
                    following.lit.eq((in_line | in_screen) & in_columns & ~self.dark), covered.eq(at_cursor),
                ]  # fmt: skip
                with m.If(hidden & ~at_cursor):
                    m.d.sync += following.foreground.eq(background)
            with m.Case(_KEEP_GLYPH):
                m.d.sync += following_dots.eq(glyph.data | covered.replicate(CELL_WIDTH))
        m.d.sync += dots.eq(Cat(0, dots))
        with m.If(time == _SHOW):
            m.d.sync += [dots.eq(following_dots), shown.eq(following)]

        m.submodules.palette = palette = Palette()
        m.d.comb += [
            palette.colour.eq(Mux(dots[-1], shown.foreground, shown.background)), palette.trusted.eq(shown.trusted),
            self.video.levels.eq(Mux(shown.lit & raster.visible, palette.levels.as_value(), 0)), self.video.visible.eq(raster.visible),
            self.video.horizontal_sync.eq(raster.horizontal_sync), self.video.vertical_sync.eq(raster.vertical_sync),
            self.video.frame.eq((raster.x == 0) & (raster.y == 0)),
        ]  # fmt: skip
        return m

    def _follow(self, m: Module, raster: RasterCounter, scan: Signal, in_screen: Signal) -> Signal:
        """The guests' cell that is looked up. The first is taken over between two frames, so that none is torn."""
        first = Signal(ADDRESS_WIDTH)  # of the row
        position = Signal(ADDRESS_WIDTH)
        with m.If(raster.x[: CELL_WIDTH.bit_length() - 1] == _SHOW):
            m.d.sync += position.eq(position + 1)
        with m.If((raster.x == PICTURE_WIDTH) & in_screen & (scan == CELL_HEIGHT - 1)):
            m.d.sync += first.eq(first + COLUMNS)
        with m.If(raster.line_end):
            m.d.sync += position.eq(first)
        with m.If(raster.frame_end):
            m.d.sync += first.eq(self.start)
        return position
