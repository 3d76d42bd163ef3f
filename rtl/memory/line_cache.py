"""The storage of a cache of 16-byte lines: virtually indexed, physically tagged, write-through.

A way holds at most 256 lines, so that the index lies within the page offset: a line of memory has one place per way, whatever
linear addresses it is seen at, and can be invalidated by its physical number alone.
"""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["LINE_BITS", "LINE_BYTES", "LINE_WIDTH", "LineCache", "sets_of"]

LINE_BYTES = 16
LINE_BITS = 4
LINE_WIDTH = 32 - LINE_BITS
_MAX_SETS = 256  # lines of a page


def sets_of(lines: int) -> int:
    """Sets of a cache of ``lines`` lines; it has ``lines // sets`` ways."""
    if lines < 2 or lines & (lines - 1):
        raise ValueError(f"a cache of {lines} lines: must be a power of two, at least 2")
    return min(lines, _MAX_SETS)


class LineCache(wiring.Component):
    """``lines`` lines. It empties itself after reset, one set a cycle.

    A lookup gives its set in one cycle and the physical line in the next, when ``hit`` and ``data`` answer; both stay until the next
    lookup. An invalidation hides the line from the next cycle on.

    Members
    -------
    lookup : In(1), ``lookup_set`` : the index
    line : In(28), ``hit`` : Out(1), ``way`` : Out, ``data`` : Out(128)
    write : In(1), ``write_set``, ``write_way``, ``write_data`` In(128), ``write_mask`` In(16): bytes of a line that was hit
    fill : In(1), ``fill_line`` In(28), ``fill_data`` In(128): puts a line that is in no way; ``filled`` Out(1), ``fill_way``: where,
        unless an invalidation needs the tags in this cycle
    invalidate : In(1), ``invalidate_line`` In(28): every cycle if need be
    clear : In(1): empties everything; ``busy`` Out(1) meanwhile, no lookup or fill then
    """

    def __init__(self, *, lines: int) -> None:
        sets = sets_of(lines)
        self._sets = sets
        self._ways = lines // sets
        way = range(max(2, self._ways))
        super().__init__({
            "lookup": In(1), "lookup_set": In(range(sets)), "line": In(LINE_WIDTH),
            "hit": Out(1), "way": Out(way), "data": Out(8 * LINE_BYTES),
            "write": In(1), "write_set": In(range(sets)), "write_way": In(way),
            "write_data": In(8 * LINE_BYTES), "write_mask": In(LINE_BYTES),
            "fill": In(1), "fill_line": In(LINE_WIDTH), "fill_data": In(8 * LINE_BYTES), "filled": Out(1), "fill_way": Out(way),
            "invalidate": In(1), "invalidate_line": In(LINE_WIDTH),
            "clear": In(1), "busy": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        set_bits = self._sets.bit_length() - 1
        tag_width = LINE_WIDTH - set_bits
        tag_layout = data.StructLayout({"valid": 1, "tag": tag_width})

        # Emptying; it begins by itself after reset.
        clearing = Signal(init=1)
        clear_set = Signal(set_bits)
        m.d.comb += self.busy.eq(clearing)
        with m.If(clearing):
            m.d.sync += [clear_set.eq(clear_set + 1), clearing.eq(~clear_set.all())]
        with m.Elif(self.clear):
            m.d.sync += [clearing.eq(1), clear_set.eq(0)]

        # An invalidation reads the tags in its own cycle and acts in the next; until then comparison with ``leaving`` hides the line.
        leaving = Signal()
        leaving_line = Signal(LINE_WIDTH)
        m.d.sync += [leaving.eq(self.invalidate), leaving_line.eq(self.invalidate_line)]
        hidden = leaving & (leaving_line == self.line)

        # A lookup in the very cycle in which its set is filled would see the new tag and the old data: it misses.
        blind = Signal()

        next_way = Signal(range(max(2, self._ways)))
        fill_set = self.fill_line[:set_bits]
        drops = Signal(self._ways)  # ways in which the invalidation hits
        m.d.comb += [self.filled.eq(self.fill & ~drops.any()), self.fill_way.eq(next_way)]
        if self._ways > 1:
            with m.If(self.filled):
                m.d.sync += next_way.eq(next_way + 1)

        with m.If(self.lookup):
            m.d.sync += blind.eq(self.filled & (self.lookup_set == fill_set))

        hits = Signal(self._ways)
        selected = Const(0, 8 * LINE_BYTES)
        for n in range(self._ways):
            tags = memory.Memory(shape=tag_layout, depth=self._sets, init=[])
            lines = memory.Memory(shape=8 * LINE_BYTES, depth=self._sets, init=[])
            m.submodules[f"tags{n}"] = tags
            m.submodules[f"lines{n}"] = lines
            tag_write = tags.write_port()
            tag_read = tags.read_port(transparent_for=[tag_write])
            tag_watch = tags.read_port(transparent_for=[tag_write])
            line_write = lines.write_port(granularity=8)
            line_read = lines.read_port()

            m.d.comb += [
                tag_read.addr.eq(self.lookup_set), tag_read.en.eq(self.lookup),
                line_read.addr.eq(self.lookup_set), line_read.en.eq(self.lookup),
                tag_watch.addr.eq(self.invalidate_line[:set_bits]), tag_watch.en.eq(self.invalidate),
                hits[n].eq(tag_read.data.valid & (tag_read.data.tag == self.line[set_bits:]) & ~hidden & ~blind),
                drops[n].eq(leaving & tag_watch.data.valid & (tag_watch.data.tag == leaving_line[set_bits:])),
            ]  # fmt: skip
            selected = selected | Mux(hits[n], line_read.data, 0)

            installs = self.filled & (next_way == n)
            m.d.comb += tag_write.data.tag.eq(self.fill_line[set_bits:])
            with m.If(clearing):
                m.d.comb += [tag_write.en.eq(1), tag_write.addr.eq(clear_set)]
            with m.Elif(drops[n]):
                m.d.comb += [tag_write.en.eq(1), tag_write.addr.eq(leaving_line[:set_bits])]
            with m.Else():
                m.d.comb += [tag_write.en.eq(installs), tag_write.addr.eq(fill_set), tag_write.data.valid.eq(1)]

            with m.If(installs):
                m.d.comb += [line_write.addr.eq(fill_set), line_write.data.eq(self.fill_data), line_write.en.eq(~0)]
            with m.Else():
                writes = self.write & (self.write_way == n)
                m.d.comb += [
                    line_write.addr.eq(self.write_set), line_write.data.eq(self.write_data),
                    line_write.en.eq(Mux(writes, self.write_mask, 0)),
                ]  # fmt: skip
        m.d.comb += [self.hit.eq(hits.any()), self.data.eq(selected)]
        for n in range(1, self._ways):
            with m.If(hits[n]):
                m.d.comb += self.way.eq(n)
        return m
