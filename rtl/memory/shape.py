"""How an access lies across words, lines and pages; and the moving of its bytes into place."""

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.memory.line_cache import LINE_BITS, LINE_WIDTH
from rtl.memory.port import AccessKind, AccessRequest
from rtl.mmu.entry import OFFSET_WIDTH

__all__ = ["WORD_BITS", "WORD_BYTES", "AccessShape", "from_lanes", "to_lanes"]

WORD_BITS = 2
WORD_BYTES = 4
_WORD = 32
_BYTE_SHIFT = 3  # from bytes to bits


def from_lanes(data: Value, byte: Value) -> Value:
    """32 bits of ``data`` from byte number ``byte`` on; zeros beyond its end."""
    return (data >> Cat(Const(0, _BYTE_SHIFT), byte))[:_WORD]


def to_lanes(word: Value, byte: Value) -> Value:
    """``word`` rotated, so that its byte 0 lies in lane ``byte`` (2 bits): each byte in the lane of its address."""
    return (Cat(word, word) >> Cat(Const(0, _BYTE_SHIFT), (WORD_BYTES - byte)[:WORD_BITS]))[:_WORD]


class AccessShape(wiring.Component):
    """Combinational.

    Members
    -------
    request : In(AccessRequest)
    memory : Out(1), it addresses memory, not I/O; ``loads``, ``stores`` : Out(1), from and to memory
    crosses_word, crosses_line, crosses_page : Out(1), the last byte lies in the next one (the latter two only for memory)
    last_byte : Out(12), offset of the last byte in its page
    mask : Out(8), bytes of the first word and of the second
    next_line : Out(28), linear line after that of the first byte
    """

    request: In(AccessRequest)
    memory: Out(1)
    loads: Out(1)
    stores: Out(1)
    crosses_word: Out(1)
    crosses_line: Out(1)
    crosses_page: Out(1)
    last_byte: Out(OFFSET_WIDTH)
    mask: Out(2 * WORD_BYTES)
    next_line: Out(LINE_WIDTH)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        linear = self.request.linear
        size = self.request.size
        with m.Switch(self.request.kind):
            with m.Case(AccessKind.LOAD):
                m.d.comb += [self.memory.eq(1), self.loads.eq(1)]
            with m.Case(AccessKind.STORE):
                m.d.comb += [self.memory.eq(1), self.stores.eq(1)]
            with m.Case(AccessKind.READ_MODIFY_WRITE):
                m.d.comb += [self.memory.eq(1), self.loads.eq(1), self.stores.eq(1)]
        ones = Signal(WORD_BYTES)
        m.d.comb += [
            ones.eq(Cat(Const(1, 1), size[1] | size[2], size[2], size[2])),
            self.mask.eq(ones << linear[:WORD_BITS]),
            self.crosses_word.eq(self.mask[WORD_BYTES:].any()),
            self.crosses_line.eq(self.memory & self.crosses_word & linear[WORD_BITS:LINE_BITS].all()),
            self.crosses_page.eq(self.crosses_line & linear[LINE_BITS:OFFSET_WIDTH].all()),
            self.last_byte.eq(linear[:OFFSET_WIDTH] + size - 1),
            self.next_line.eq(linear[LINE_BITS:] + 1),
        ]
        return m
