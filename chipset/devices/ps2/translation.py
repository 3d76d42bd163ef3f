"""Scan codes of set 2 to those of set 1, as the controller translates them."""

from amaranth.hdl import Array, Const, Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from contracts.ps2 import TRANSLATION

__all__ = ["ScanCodeTranslation"]

_HALF = 0x80


class ScanCodeTranslation(wiring.Component):
    """``code`` In(8), ``translated`` Out(8), in the same cycle; what a released key's prefix does is the controller's."""

    code: In(8)
    translated: Out(8)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        keys = Array(Const(code, 8) for code in TRANSLATION[:_HALF])
        m.d.comb += self.translated.eq(Mux(self.code[-1], self.code, keys[self.code[:-1]]))
        for code, translated in enumerate(TRANSLATION[_HALF:], _HALF):
            if code != translated:
                with m.If(self.code == code):
                    m.d.comb += self.translated.eq(translated)
        return m
