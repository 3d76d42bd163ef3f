"""The map words that the guard keeps: a few for each requester, so that no requester can push out another's."""

from collections.abc import Collection

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from chipset.dma_policy.decision import ALL_FORMATS, Access, bit_in_word, region_of, same_region, word_index
from chipset.dma_policy.tables import any_of, groups_of, net
from chipset.memory_controller.controller import WriteEvent
from contracts.policy_map import Format
from contracts.requesters import DMA_FIRST

__all__ = ["FOUND_PARTS", "KEY_WIDTH", "WORD_WIDTH", "WordCache", "row_count"]

WORD_WIDTH = 30  # address bits 31:2
KEY_WIDTH = 20  # of a word's address, kept to see writes to it; another word of the same key drops it too, which costs a read
_REGION_WIDTH = 16
_WORD_BITS = 32
_RAM_DEPTH = 16  # of an FPGA's distributed RAM, which is four bits wide
_MOST_ROWS = 8
FOUND_PARTS = 2  # tables that say together whether a region is found


def row_count(requesters: int, words: int) -> int:
    """In how many rows of its RAM a cache keeps each word: as many as its RAM has anyway, for the fewer bits there are in a row the
    fewer there are to choose from behind the RAM, where a lookup is longest."""
    return min(_MOST_ROWS, max(1, _RAM_DEPTH // (1 << (requesters - 1).bit_length()) // words))


class WordCache(wiring.Component):
    """``words`` map words for each of ``requesters`` requesters, directly mapped; from two on, half are for reads and half for writes.

    The words lie in distributed RAM, in rows, looked up in the same cycle; what says that they are valid are flip-flops, cleared by every
    write to memory that may have touched the word.

    Members
    -------
    access : In(Access), what is looked up; found : Out(FOUND_PARTS), all 1 if its region is kept at its place; whole : Out(1), so is
        its word, if that is: admitted : Out(1) is the bit that decides
    beside : Out(1), ``filled`` and ``access`` have the same place
    map_format : In(2), of the policy in force
    fill : In(1), with filled In(Access) and fill_address In(30): keep row ``fill_row`` In(range(rows)), which is ``fill_data``
        In(32 // rows), of the word of that address, which decides for that access; with ``fill_whole`` In(1) the word counts
    written : In(WriteEvent); flush : In(1), forget all
    """

    def __init__(self, *, requesters: int, words: int, formats: Collection[Format] = ALL_FORMATS) -> None:
        if words < 1 or words & (words - 1):
            raise ValueError(f"{words} map words for each requester: it must be a power of two")
        self._requesters = requesters
        self._words = words
        self._formats = frozenset(formats)
        self._rows = row_count(requesters, words)
        self._row_bits = _WORD_BITS // self._rows
        super().__init__({
            "access": In(Access), "found": Out(FOUND_PARTS), "whole": Out(1), "beside": Out(1), "admitted": Out(1), "map_format": In(2),
            "fill": In(1), "filled": In(Access), "fill_address": In(WORD_WIDTH),
            "fill_row": In(range(self._rows)), "fill_data": In(self._row_bits), "fill_whole": In(1),
            "written": In(WriteEvent), "flush": In(1),
        })  # fmt: skip

    def _place(self, access: data.View) -> Value:
        """Where the word for an access is kept, if it is."""
        bits = self._words.bit_length() - 1
        within = Cat(access.write, word_index(access.page, self.map_format, self._formats))[:bits]
        # In the order of the bus's numbers, so that the lookup begins with the request's own bits.
        number = access.requester + DMA_FIRST
        return Cat(within, number[: (self._requesters - 1).bit_length()])

    def elaborate(self, platform: object) -> Module:
        m = Module()
        places = self._words << (self._requesters - 1).bit_length()
        m.submodules.regions = regions = memory.Memory(shape=_REGION_WIDTH, depth=places, init=[])
        m.submodules.rows = rows = memory.Memory(shape=self._row_bits, depth=places * self._rows, init=[])
        region, row = regions.read_port(domain="comb"), rows.read_port(domain="comb")
        new_region, new_row = regions.write_port(), rows.write_port()
        valid = Signal(places)
        here, there = self._place(self.access), self._place(self.filled)
        number = bit_in_word(self.access, self.map_format, self._formats)
        column_bits = self._row_bits.bit_length() - 1
        # A sum of products has fewer levels than a multiplexer; a table chooses between two bits.
        bits = [
            net(m, net(m, number[1:column_bits] == n // 2, f"column{n}") & Mux(number[0], row.data[n + 1], row.data[n]), f"bit{n}")
            for n in range(0, self._row_bits, 2)
        ]  # fmt: skip
        same = same_region(m, region.data, region_of(self.access.page), self.map_format, self._formats)
        m.d.comb += [
            region.addr.eq(here), row.addr.eq(Cat(number[column_bits:], here)),
            new_region.addr.eq(there), new_region.en.eq(self.fill), new_region.data.eq(region_of(self.filled.page)),
            new_row.addr.eq(Cat(self.fill_row, there)), new_row.en.eq(self.fill), new_row.data.eq(self.fill_data),
            self.found.eq(Cat(groups_of(m, same, "found"))),
            self.whole.eq(valid.bit_select(here, 1)), self.beside.eq(here == there),
            self.admitted.eq(any_of(m, bits, "bits")),
        ]  # fmt: skip
        taken = [(n + DMA_FIRST) % (places // self._words) for n in range(self._requesters)]
        for n in range(places):
            if n // self._words not in taken:
                continue
            key = Signal(KEY_WIDTH, name=f"key{n}")
            mine = Signal(name=f"fill{n}")
            m.d.comb += mine.eq(self.fill & (there == n))
            touched = self.written.word[:KEY_WIDTH] == key
            with m.If(mine):
                m.d.sync += key.eq(self.fill_address)
            with m.If(mine):
                m.d.sync += valid[n].eq(self.fill_whole)
            with m.Elif(self.written.valid & touched):
                m.d.sync += valid[n].eq(0)
        with m.If(self.flush):
            m.d.sync += valid.eq(0)
        return m
