"""The configuration space of one PCI function, a byte at a time, as ``contracts.pci`` declares it."""

from amaranth.hdl import Const, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from contracts.pci import CONFIG_SIZE, Function

__all__ = ["ConfigFunction"]

_WORD = 4
_OFFSET_BITS = (CONFIG_SIZE - 1).bit_length()
_WORD_BITS = 8 * _WORD


class ConfigFunction(wiring.Component):
    """Registers of ``function``. Bits that it does not declare writable keep the value they have after reset.

    Members
    -------
    offset : In(8), of a byte; write : In(1), ``write_data`` In(8) is stored there; read_data : Out(8), the byte, in the same cycle
    clear : In(1), back to the values after reset
    words : Out, the dwords that can be written, by name: ``at_20`` is the one at byte offset 20h
    """

    def __init__(self, function: Function) -> None:
        self._function = function
        self._writable = {offset: word for offset, word in function.words.items() if word.writable}
        super().__init__({
            "offset": In(_OFFSET_BITS), "write": In(1), "write_data": In(8), "read_data": Out(8), "clear": In(1),
            "words": Out(data.StructLayout({f"at_{offset:02x}": _WORD_BITS for offset in self._writable})),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lane = self.offset[:2]
        word = Signal(_WORD_BITS)
        values = {
            offset: self._register(m, offset) if declared.writable else Const(declared.reset, _WORD_BITS)
            for offset, declared in self._function.words.items()
        }
        with m.Switch(self.offset[2:]):
            for offset, value in values.items():
                with m.Case(offset >> 2):
                    m.d.comb += word.eq(value)
        m.d.comb += self.read_data.eq(word.word_select(lane, 8))
        return m

    def _register(self, m: Module, offset: int) -> Signal:
        """A dword that can be written; its value."""
        declared = self._writable[offset]
        stored = Signal(_WORD_BITS, init=declared.reset, name=f"word_{offset:02x}")
        here = self.write & (self.offset[2:] == offset >> 2)
        for n in range(_WORD):
            writable = declared.writable >> 8 * n & 0xFF
            byte = stored.word_select(n, 8)
            with m.If(here & (self.offset[:2] == n)):
                m.d.sync += byte.eq(byte & ~Const(writable, 8) | self.write_data & writable)
        with m.If(self.clear):
            m.d.sync += stored.eq(declared.reset)
        m.d.comb += self.words[f"at_{offset:02x}"].eq(stored)
        return stored
