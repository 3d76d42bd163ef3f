"""The map words that the guard keeps: a few for each requester, so that no requester can push out another's."""

from collections.abc import Collection

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from chipset.dma_policy.decision import ALL_FORMATS, Access, admits, region_of, same_region, word_index
from chipset.memory_controller.controller import WriteEvent
from contracts.policy_map import Format

__all__ = ["KEY_WIDTH", "WORD_WIDTH", "WordCache"]

WORD_WIDTH = 30  # address bits 31:2
KEY_WIDTH = 12  # of a word's address, kept to see writes to it; another word of the same key drops it too, which costs a read
_REGION_WIDTH = 16


class _Line(data.Struct):
    """A map word, and which region it decides for."""

    region: _REGION_WIDTH
    word: 32


class WordCache(wiring.Component):
    """``words`` map words for each of ``requesters`` requesters, directly mapped; from two on, half are for reads and half for writes.

    The words lie in distributed RAM, looked up in the same cycle; what says that they are valid are flip-flops, cleared by every write
    to memory that may have touched the word.

    Members
    -------
    access : In(Access), what is looked up; hit : Out(1), admitted : Out(1), the bit that decides
    map_format : In(2), of the policy in force
    fill : In(1), with filled In(Access), fill_word In(32) and fill_address In(30): keep the word, which decides for that access
    written : In(WriteEvent); flush : In(1), forget all
    """

    def __init__(self, *, requesters: int, words: int, formats: Collection[Format] = ALL_FORMATS) -> None:
        if words < 1 or words & (words - 1):
            raise ValueError(f"{words} map words for each requester: it must be a power of two")
        self._requesters = requesters
        self._words = words
        self._formats = frozenset(formats)
        super().__init__({
            "access": In(Access), "hit": Out(1), "admitted": Out(1), "map_format": In(2),
            "fill": In(1), "filled": In(Access), "fill_word": In(32), "fill_address": In(WORD_WIDTH),
            "written": In(WriteEvent), "flush": In(1),
        })  # fmt: skip

    def _place(self, access: data.View) -> Value:
        """Where the word for an access is kept, if it is."""
        bits = self._words.bit_length() - 1
        within = Cat(access.write, word_index(access.page, self.map_format, self._formats))[:bits]
        return Cat(within, access.requester[: (self._requesters - 1).bit_length()])

    def elaborate(self, platform) -> Module:
        m = Module()
        count = self._requesters * self._words
        m.submodules.lines = lines = memory.Memory(shape=_Line, depth=count, init=[])
        read = lines.read_port(domain="comb")
        write = lines.write_port()
        valid = Signal(count)
        here, there = self._place(self.access), self._place(self.filled)
        m.d.comb += [
            read.addr.eq(here),
            write.addr.eq(there), write.en.eq(self.fill),
            write.data.region.eq(region_of(self.filled.page)), write.data.word.eq(self.fill_word),
            self.hit.eq(
                valid.bit_select(here, 1)
                & same_region(read.data.region, region_of(self.access.page), self.map_format, self._formats)
            ),
            self.admitted.eq(admits(read.data.word, self.access, self.map_format, self._formats)),
        ]  # fmt: skip
        for n in range(count):
            key = Signal(KEY_WIDTH, name=f"key{n}")
            mine = Signal(name=f"fill{n}")
            m.d.comb += mine.eq(self.fill & (there == n))
            touched = self.written.word[:KEY_WIDTH] == key
            with m.If(mine):
                m.d.sync += key.eq(self.fill_address)
            with m.If(mine):
                m.d.sync += valid[n].eq(1)
            with m.Elif(self.written.valid & touched):
                m.d.sync += valid[n].eq(0)
        # A write in the cycle of the fill is newer than the word that is filled in.
        with m.If(self.flush):
            m.d.sync += valid.eq(0)
        return m
