"""A few words of policy maps, never older than memory: a write to a cached word drops it."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from chipset.dma_policy.decision import PAGE_WIDTH, admits
from chipset.memory_controller.controller import WriteEvent

__all__ = ["MapCache", "patched"]

_WORD_WIDTH = 30


def patched(word: Value, new: Value, mask: Value) -> Value:
    """``word`` with the bytes of ``new`` that ``mask`` selects."""
    return Cat(Mux(mask[n], new.word_select(n, 8), word.word_select(n, 8)) for n in range(len(mask)))


class _Entry(data.Struct):
    valid: 1
    tag: _WORD_WIDTH
    word: 32


class MapCache(wiring.Component):
    """Fully associative, replaced in turn. Tags are memory addresses, so no change of policy makes an entry wrong.

    Members
    -------
    tag : In(30), the word that is looked up, and page : In(20); ``hit`` Out(1) and ``admitted`` Out(1), the page's bit, in the same cycle
    fill : In(1), with fill_word In(32): put the word at ``tag`` in (only while it does not hit)
    written : In(WriteEvent)
    """

    def __init__(self, entries: int) -> None:
        if entries < 1:
            raise ValueError(f"a map cache of {entries} words: at least 1")
        self._entries = entries
        super().__init__({
            "tag": In(_WORD_WIDTH), "page": In(PAGE_WIDTH), "hit": Out(1), "admitted": Out(1),
            "fill": In(1), "fill_word": In(32), "written": In(WriteEvent),
        })  # fmt: skip

    def elaborate(self, platform) -> Module:
        m = Module()
        turn = Signal(range(max(self._entries, 2)))
        with m.If(self.fill):
            m.d.sync += turn.eq(Mux(turn == self._entries - 1, 0, turn + 1))
        hits = Signal(self._entries)
        bits = Signal(self._entries)
        for n in range(self._entries):
            entry = Signal(_Entry, name=f"entry{n}")
            m.d.comb += [hits[n].eq(entry.valid & (entry.tag == self.tag)), bits[n].eq(hits[n] & admits(entry.word, self.page))]
            with m.If(self.written.valid & (entry.tag == self.written.word)):
                m.d.sync += entry.valid.eq(0)
            with m.If(self.fill & (turn == n)):
                m.d.sync += [entry.valid.eq(1), entry.tag.eq(self.tag), entry.word.eq(self.fill_word)]
        m.d.comb += [self.hit.eq(hits.any()), self.admitted.eq(bits.any())]
        return m
