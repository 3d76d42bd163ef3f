"""Screen memory and the trusted line's: two memories with nothing in common but the wiping after a platform reset."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.ports import PagesSignature
from contracts.display import COLUMNS, SCREEN_BYTES, SCREEN_WINDOW, TRUSTED_LINE
from contracts.memory_map import PAGE_SIZE
from contracts.registers import WORD_SIZE

__all__ = ["CELL_BITS", "LINE_WORDS", "SCREEN_CELLS", "SCREEN_WORDS", "LineMemory", "ScreenMemory", "Wipe", "Wiper"]

CELL_BITS = 16
_CELLS = 8 * WORD_SIZE // CELL_BITS  # in a word
SCREEN_WORDS = SCREEN_BYTES // WORD_SIZE
SCREEN_CELLS = SCREEN_WORDS * _CELLS
LINE_WORDS = COLUMNS // _CELLS
_ONES = 0xFFFF_FFFF


class Wipe(data.Struct):
    """Memory is being cleared: accesses wait; the word at ``address`` becomes 0 (``clear``; not with the strap)."""

    busy: 1
    clear: 1
    address: range(SCREEN_WORDS)


class Wiper(wiring.Component):
    """After a platform reset goes once through all words. ``keep`` In(1): the strap; ``wipe`` Out(Wipe)."""

    keep: In(1)
    wipe: Out(Wipe)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        done = Signal()
        address = Signal(range(SCREEN_WORDS))
        m.d.comb += [self.wipe.busy.eq(~done), self.wipe.clear.eq(~done & ~self.keep), self.wipe.address.eq(address)]
        with m.If(~done):
            m.d.sync += [address.eq(address + 1), done.eq(address == SCREEN_WORDS - 1)]
        return m


def _cell_of(word: Value, half: Value) -> Value:
    return Mux(half, word[CELL_BITS:], word[:CELL_BITS])


class ScreenMemory(wiring.Component):
    """Answers anybody, in the same cycle (a write) or one to two cycles later (a read); the dots come first.

    Members
    -------
    block : In(PagesSignature), the window's pages
    fetch : In(1), ``cell`` Out(16) is that of ``address`` In in the next cycle, and in no other
    wipe : In(Wipe)
    """

    def __init__(self) -> None:
        super().__init__({
            "block": In(PagesSignature(SCREEN_WINDOW // PAGE_SIZE)),
            "fetch": In(1), "address": In(range(SCREEN_CELLS)), "cell": Out(CELL_BITS), "wipe": In(Wipe),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        block = self.block
        m.submodules.array = array = memory.Memory(shape=8 * WORD_SIZE, depth=SCREEN_WORDS, init=[])
        read, write = array.read_port(), array.write_port(granularity=8)
        word = Signal(range(SCREEN_WORDS))
        looked = Signal()  # the word that is asked for is there
        half = Signal()
        m.d.sync += half.eq(self.address[0])
        m.d.comb += [
            word.eq(Cat(block.address, block.page)),  # the window's pages are more than there are
            read.en.eq(1), read.addr.eq(Mux(self.fetch, self.address[1:], word)),
            self.cell.eq(_cell_of(read.data, half)), block.read_data.eq(read.data),
            write.addr.eq(Mux(self.wipe.busy, self.wipe.address, word)), write.data.eq(Mux(self.wipe.busy, 0, block.write_data)),
        ]  # fmt: skip
        m.d.sync += looked.eq(block.valid & ~block.write & ~self.fetch & ~self.wipe.busy & ~looked)
        with m.If(self.wipe.busy):
            m.d.comb += write.en.eq(self.wipe.clear.replicate(WORD_SIZE))
        with m.Else():
            m.d.comb += [
                block.ready.eq(block.write | looked),
                write.en.eq(Mux(block.valid & block.write, block.mask, 0)),
            ]
        return m


class LineMemory(wiring.Component):
    """The trusted line's cells. It is written with authority, or by the strap; nothing of it is read but dots.

    Members
    -------
    block : In(PagesSignature), one page: reads are ones
    open : In(1), the strap: writes need no authority
    column : In, ``cell`` Out(16) is its in the next cycle
    wipe : In(Wipe)
    """

    def __init__(self) -> None:
        super().__init__({
            "block": In(PagesSignature(1)), "open": In(1), "column": In(range(COLUMNS)), "cell": Out(CELL_BITS),
            "wipe": In(Wipe),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        block = self.block
        m.submodules.array = array = memory.Memory(shape=8 * WORD_SIZE, depth=1 << (LINE_WORDS - 1).bit_length(), init=[])
        read, write = array.read_port(), array.write_port(granularity=8)
        half = Signal()
        first = TRUSTED_LINE["CELLS"].offset // WORD_SIZE
        inside = (block.address >= first) & (block.address < first + LINE_WORDS)
        allowed = block.valid & block.write & inside & (block.privileged | self.open)
        m.d.sync += half.eq(self.column[0])
        m.d.comb += [
            read.en.eq(1), read.addr.eq(self.column[1:]), self.cell.eq(_cell_of(read.data, half)),
            block.ready.eq(~self.wipe.busy), block.read_data.eq(_ONES),
            write.addr.eq(Mux(self.wipe.busy, self.wipe.address, block.address - first)),
            write.data.eq(Mux(self.wipe.busy, 0, block.write_data)),
        ]  # fmt: skip
        with m.If(self.wipe.busy):
            m.d.comb += write.en.eq(self.wipe.clear.replicate(WORD_SIZE))
        with m.Else():
            m.d.comb += write.en.eq(Mux(allowed, block.mask, 0))
        return m
