"""The general registers and the eight temporaries of microprograms.

Reads are combinational on the whole file (``gpr``, ``temporary``), since issue reads up to six of them. There is one write port with
byte enables and one for ESP alone (PUSH and POP); when both name ESP the write port wins in its lanes (POP SP: the rest of ESP has been
counted on). ESP is saved before its first change since the last ``settle`` (end of an instruction, or ``commit``), and ``undo`` brings
it back.
"""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.identity import SIGNATURE
from rtl.arch.registers import Gpr

__all__ = ["GeneralRegisters"]

COUNT = 8


class GeneralRegisters(wiring.Component):
    """EAX to EDI and T0 to T7.

    Members: ``gpr``, ``temporary`` (8 × 32); the write port ``write``, ``write_temporary``, ``write_index``, ``write_data`` (already
    shifted to its lanes), ``write_lanes`` (bits 7:0, 15:8, 31:16); ``esp_write``, ``esp_data``; ``settle``, ``undo``.
    """

    gpr: Out(data.ArrayLayout(32, COUNT))
    temporary: Out(data.ArrayLayout(32, COUNT))
    esp: Out(32)
    write: In(1)
    write_temporary: In(1)
    write_index: In(3)
    write_data: In(32)
    write_lanes: In(3)
    esp_write: In(1)
    esp_data: In(32)
    settle: In(1)
    undo: In(1)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        esp = Gpr.ESP.value
        registers = [Signal(32, name=g.name.lower(), init=SIGNATURE if g is Gpr.EDX else 0) for g in Gpr]
        temporaries = [Signal(32, name=f"t{i}") for i in range(COUNT)]
        m.d.comb += [self.gpr[i].eq(r) for i, r in enumerate(registers)]
        m.d.comb += self.esp.eq(registers[esp])
        m.d.comb += [self.temporary[i].eq(r) for i, r in enumerate(temporaries)]

        saved = Signal(32)
        changed = Signal()
        with m.If(self.esp_write):
            m.d.sync += registers[esp].eq(self.esp_data)
        mask = Cat(self.write_lanes[0].replicate(8), self.write_lanes[1].replicate(8), self.write_lanes[2].replicate(16))
        counted = Mux(self.esp_write, self.esp_data, registers[esp])
        with m.If(self.write):
            for i in range(COUNT):
                with m.If(self.write_index == i):
                    with m.If(self.write_temporary):
                        m.d.sync += temporaries[i].eq(self.write_data)
                    with m.Else():
                        before = counted if i == esp else registers[i]
                        m.d.sync += registers[i].eq((before & ~mask) | (self.write_data & mask))
        esp_changes = self.esp_write | (self.write & ~self.write_temporary & (self.write_index == esp))
        with m.If(self.settle):
            m.d.sync += changed.eq(0)
        with m.Elif(esp_changes):
            m.d.sync += changed.eq(1)
        with m.If(esp_changes & ~changed):
            m.d.sync += saved.eq(registers[esp])
        with m.If(self.undo):
            m.d.sync += changed.eq(0)
            with m.If(changed):
                m.d.sync += registers[esp].eq(saved)
        return m
