"""Addressing forms: what ModRM and SIB byte say (Intel SDM vol. 2, 2.1.5)."""

from amaranth import Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.registers import Gpr

__all__ = ["AddressingForm", "ModRm", "Sib"]


class ModRm(data.Struct):
    """The ModRM byte."""

    rm: 3
    reg: 3
    mod: 2


class Sib(data.Struct):
    """The SIB byte."""

    base: 3
    index: 3
    scale: 2


_ESP, _EBP, _EBX, _ESI, _EDI = (Gpr[n].value for n in ("ESP", "EBP", "EBX", "ESI", "EDI"))


class AddressingForm(wiring.Component):
    """Which registers an effective address is made of, and how long its displacement is. Combinational.

    Members
    -------
    modrm : In(ModRm)
        With mod ≠ 3.
    sib : In(Sib)
        The byte after it.
    address32 : In(1)
    with_sib : Out(1)
        A SIB byte is there; the other outputs hold once it is known.
    displacement_bytes : Out(3)
        0, 1, 2 or 4.
    base_valid, base, index_valid, index, scale : Out
        As in EffectiveAddress.
    stack : Out(1)
        The default segment is SS.
    """

    modrm: In(ModRm)
    sib: In(Sib)
    address32: In(1)
    with_sib: Out(1)
    displacement_bytes: Out(3)
    base_valid: Out(1)
    base: Out(3)
    index_valid: Out(1)
    index: Out(3)
    scale: Out(2)
    stack: Out(1)

    def elaborate(self, platform: object) -> Module:
        """32-bit and 16-bit forms."""
        m = Module()
        modrm, sib = self.modrm, self.sib
        absolute = Signal()  # a displacement alone, with mod = 0
        m.d.comb += self.with_sib.eq(self.address32 & (modrm.rm == _ESP))
        with m.If(self.address32):
            m.d.comb += [
                self.base.eq(Mux(self.with_sib, sib.base, modrm.rm)),
                self.index.eq(sib.index),
                self.index_valid.eq(self.with_sib & (sib.index != _ESP)),
                self.scale.eq(Mux(self.with_sib, sib.scale, 0)),
                absolute.eq((modrm.mod == 0) & (self.base == _EBP)),
                self.stack.eq(self.base_valid & ((self.base == _ESP) | (self.base == _EBP))),
            ]
        with m.Else():
            m.d.comb += [
                # BX+SI, BX+DI, BP+SI, BP+DI, SI, DI, BP, BX
                self.index.eq(Mux(modrm.rm[0], _EDI, _ESI)),
                self.index_valid.eq(~modrm.rm[2]),
                absolute.eq((modrm.mod == 0) & (modrm.rm == 6)),
                self.stack.eq(self.base_valid & (self.base == _EBP)),
            ]
            with m.Switch(modrm.rm):
                with m.Case(0, 1, 7):
                    m.d.comb += self.base.eq(_EBX)
                with m.Case(2, 3, 6):
                    m.d.comb += self.base.eq(_EBP)
                with m.Case(4):
                    m.d.comb += self.base.eq(_ESI)
                with m.Case(5):
                    m.d.comb += self.base.eq(_EDI)
        long_bytes = Mux(self.address32, Const(4, 3), Const(2, 3))
        m.d.comb += self.base_valid.eq(~absolute)
        with m.Switch(modrm.mod):
            with m.Case(0):
                m.d.comb += self.displacement_bytes.eq(Mux(absolute, long_bytes, 0))
            with m.Case(1):
                m.d.comb += self.displacement_bytes.eq(1)
            with m.Case(2):
                m.d.comb += self.displacement_bytes.eq(long_bytes)
        return m
