"""The data cache: lines, and what brings them from memory."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from contracts.bus import BusSignature
from rtl.memory.line_cache import LINE_BYTES, LINE_WIDTH, LineCache, sets_of
from rtl.memory.line_fill import LineFill

__all__ = ["DataCache", "DataCacheSignature"]


class DataCacheSignature(wiring.Signature):
    """As the access unit sees a cache of ``lines`` lines.

    Members
    -------
    lookup : Out(1) with ``set``; a cycle later ``line`` Out(28), ``hit`` In(1), ``way`` In, ``data`` In(128)
    write : Out(1), ``write_set``, ``write_way``, ``write_data`` Out(128), ``write_mask`` Out(16): into a line that was hit
    fill : Out(1) for one cycle: ``line`` is read from memory; later ``fill_done`` In(1), ``fill_data`` In(128), and if the line has
        been kept, ``fill_kept`` In(1), in ``fill_way``
    """

    def __init__(self, *, lines: int) -> None:
        sets = sets_of(lines)
        way = range(max(2, lines // sets))
        super().__init__({
            "lookup": Out(1), "set": Out(range(sets)), "line": Out(LINE_WIDTH),
            "hit": In(1), "way": In(way), "data": In(8 * LINE_BYTES),
            "write": Out(1), "write_set": Out(range(sets)), "write_way": Out(way),
            "write_data": Out(8 * LINE_BYTES), "write_mask": Out(LINE_BYTES),
            "fill": Out(1), "fill_done": In(1), "fill_data": In(8 * LINE_BYTES), "fill_kept": In(1), "fill_way": In(way),
        })  # fmt: skip


class DataCache(wiring.Component):
    """``lines`` lines of 16 bytes, write-through, no allocation on a write.

    Members
    -------
    port : In(DataCacheSignature)
    bus : Out(BusSignature), fills
    ring_minus_1 : In(1), authority of fills
    invalidate : In(1), ``invalidate_line`` In(28)
    clear : In(1), ``busy`` Out(1)
    """

    def __init__(self, *, lines: int) -> None:
        self._lines = lines
        super().__init__({
            "port": In(DataCacheSignature(lines=lines)), "bus": Out(BusSignature()), "ring_minus_1": In(1),
            "invalidate": In(1), "invalidate_line": In(LINE_WIDTH), "clear": In(1), "busy": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.lines = lines = LineCache(lines=self._lines)
        m.submodules.fill = fill = LineFill()
        connect(m, fill.bus, flipped(self.bus))
        port = self.port
        m.d.comb += [
            lines.lookup.eq(port.lookup), lines.lookup_set.eq(port.set), lines.line.eq(port.line),
            port.hit.eq(lines.hit), port.way.eq(lines.way), port.data.eq(lines.data),
            lines.write.eq(port.write), lines.write_set.eq(port.write_set), lines.write_way.eq(port.write_way),
            lines.write_data.eq(port.write_data), lines.write_mask.eq(port.write_mask),
            fill.start.eq(port.fill), fill.line.eq(port.line), fill.ring_minus_1.eq(self.ring_minus_1),
            port.fill_done.eq(fill.done), port.fill_data.eq(fill.data),
            lines.fill.eq(fill.done & ~fill.stale & ~fill.failed), lines.fill_line.eq(fill.current), lines.fill_data.eq(fill.data),
            port.fill_kept.eq(lines.filled), port.fill_way.eq(lines.fill_way),
            lines.clear.eq(self.clear), self.busy.eq(lines.busy),
        ]  # fmt: skip
        for part in (lines, fill):
            m.d.comb += [part.invalidate.eq(self.invalidate), part.invalidate_line.eq(self.invalidate_line)]
        return m
