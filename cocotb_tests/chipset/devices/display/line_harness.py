"""What the proof looks at: two displays, to whose trusted lines ring −1 does the same in the same cycles, and guests anything at all.

Of the line's memory one word is followed, arbitrary but fixed. What guests reach is free in every cycle: screen memory's cells and the
registers' values are anything, in each display anything else; and so are accesses to the line's page without authority. The font is any
function of character and row.
"""

from collections.abc import Callable
from typing import Any

from amaranth.hdl import Assert, Assume, Const, Module, Mux, Signal, Value
from amaranth.hdl._ast import AnyConst, AnySeq
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In

from chipset.devices.display.display import Display
from chipset.devices.display.memories import LINE_WORDS
from chipset.devices.display.raster import VGA_RASTER
from cocotb_tests.opened import Opened
from contracts.display import CELL_HEIGHT, CELL_WIDTH, COLUMNS, PICTURE_WIDTH

__all__ = ["LineAccess", "LineHarness", "Opens", "Seed"]

_LINE_ADDRESSES = range(1 << (LINE_WORDS - 1).bit_length())


class LineAccess(data.Struct):
    """An access to the line's page."""

    valid: 1
    write: 1
    address: 10
    mask: 4
    data: 32


class Opens:
    """A display taken apart."""

    def __init__(self) -> None:
        self.display = Opened(Display())
        self.display.free("screen")
        self.display.free("registers")
        self.wiper = self.display.open("wiper")
        self.line = self.display.open("line")
        self.dots = self.display.open("dots")
        self.raster = self.dots.open("raster")
        font = self.dots.module.submodules.font
        self.dots.free("font")
        self.glyph = font.read_ports[0]
        self.memory = self.line.module.submodules.array

    @property
    def video(self) -> Any:
        return self.display.component.video


Seed = Callable[[Opens], None]


class LineHarness(wiring.Component):
    """``seed``: a bug that both displays get; the promise alone is looked at then, as if the memories had been wiped already."""

    kernel: In(LineAccess)
    guests: In(data.ArrayLayout(LineAccess, 2))

    def __init__(self, seed: Seed | None = None) -> None:
        self._seed = seed
        self.pair = (Opens(), Opens())
        super().__init__()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for n, (each, guest) in enumerate(zip(self.pair, (self.guests[0], self.guests[1]), strict=True)):
            block = each.display.component.line
            m.submodules[f"display{n}"] = each.display.component
            chosen = Signal(LineAccess, name=f"chosen{n}")
            m.d.comb += [
                chosen.eq(Mux(self.kernel.valid, self.kernel, guest)), block.privileged.eq(self.kernel.valid),
                block.valid.eq(chosen.valid), block.write.eq(chosen.write), block.address.eq(chosen.address), block.mask.eq(chosen.mask),
                block.write_data.eq(chosen.data), each.glyph.data.eq(AnySeq(CELL_WIDTH)),
            ]  # fmt: skip
            if self._seed is not None:
                self._seed(each)
                each.wiper.module.d.comb += each.wiper.component.wipe.busy.eq(0)
        a, b = self.pair
        # One font: the same character and row look the same.
        same_glyph = Signal()
        m.d.sync += same_glyph.eq(a.glyph.addr == b.glyph.addr)
        m.d.comb += Assume(~same_glyph | (a.glyph.data == b.glyph.data))

        x, y = a.raster.component.x, a.raster.component.y
        in_line = y < CELL_HEIGHT
        parts = ("visible", "horizontal_sync", "vertical_sync", "frame")
        # In a proof the dots of the followed word stand for all: in the line each visible dot is one of some word.
        looked_at = Const(1) if self._seed is not None else self._carry(m, a, b, x, in_line)
        m.d.comb += [
            *(Assert(getattr(a.video, part) == getattr(b.video, part)) for part in parts),
            *(Assert(each.video.visible | (Value.cast(each.video.levels) == 0)) for each in (a, b)),
            Assert(~(in_line & looked_at) | (a.video.levels == b.video.levels)),
        ]
        return m

    def _carry(self, m: Module, a: Opens, b: Opens, x: Value, in_line: Value) -> Value:
        """What carries the induction: where in a cell's time which registers are the same, if they hold the followed word's cells. Whether
        its dots are shown."""
        time, column = x[: CELL_WIDTH.bit_length() - 1], x[CELL_WIDTH.bit_length() - 1 :]
        word = Signal(_LINE_ADDRESSES)
        peeks = [each.memory.read_port(domain="comb") for each in (a, b)]
        looked = column[1:] == word
        here = in_line & (column < COLUMNS) & looked
        shown = in_line & (column != 0) & (column <= COLUMNS) & ((column - 1)[1:] == word)

        def same(part: str, *names: str) -> Value:
            found = [Value.cast(getattr(a, part)[name]) == Value.cast(getattr(b, part)[name]) for name in names]
            result = found[0]
            for each in found[1:]:
                result = result & each
            return result

        m.d.comb += [
            word.eq(AnyConst(len(word))), *(peek.addr.eq(word) for peek in peeks),
            Assert(same("raster", "x", "y", "inside", "horizontal_sync", "vertical_sync")),
            Assert(x < VGA_RASTER.dots),
            Assert(a.raster["inside"] == ((x >= CELL_WIDTH) & (x < CELL_WIDTH + PICTURE_WIDTH))),
            Assert(same("wiper", "done", "address")),
            Assert(peeks[0].data == peeks[1].data),
            Assert(~(looked & (time >= 1)) | ((a.memory.read_ports[0].data == b.memory.read_ports[0].data) & same("line", "half"))),
            Assert(~(here & (time >= 2)) | same("dots", "following", "covered")),
            Assert(~(here & (time >= 3)) | same("dots", "following_dots")),
            Assert(~shown | same("dots", "shown", "dots")),
        ]  # fmt: skip
        return shown
