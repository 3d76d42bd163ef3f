"""What follows the opcode: its length, displacement and immediates."""

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.registers import Segment
from rtl.decode.decoded import EffectiveAddress
from rtl.decode.form import AddressingForm
from rtl.decode.row import Immediate

__all__ = ["REST_BYTES", "Operands"]

REST_BYTES = 10  # ModRM, SIB, displacement and immediate of four bytes each


class Operands(wiring.Component):
    """Takes apart the bytes after the opcode. Combinational.

    Members
    -------
    bytes : In(10 bytes)
        From the byte after the opcode.
    modrm_present : In(1)
        The row has a ModRM byte.
    memory : In(1)
        ... whose form is a memory operand.
    immediate_kind : In(Immediate)
    byte, operand32, address32 : In(1)
    override_valid, override : In
        Segment prefix.
    with_sib : Out(1)
        ``length`` depends on ``bytes[1]``, the SIB byte.
    length : Out(4)
        Bytes after the opcode.
    ea, data_segment, immediate, immediate2 : Out
        As in Decoded.
    """

    bytes: In(data.ArrayLayout(8, REST_BYTES))
    modrm_present: In(1)
    memory: In(1)
    immediate_kind: In(Immediate)
    byte: In(1)
    operand32: In(1)
    address32: In(1)
    override_valid: In(1)
    override: In(Segment)
    with_sib: Out(1)
    length: Out(4)
    ea: Out(EffectiveAddress)
    data_segment: Out(Segment)
    immediate: Out(32)
    immediate2: Out(16)

    def elaborate(self, platform: object) -> Module:
        """Offsets first, then the fields."""
        m = Module()
        m.submodules.form = form = AddressingForm()
        raw = self.bytes.as_value()
        moffs = Signal()
        addressed = Signal()
        displacement_bytes = Signal(3)
        displacement_at = Signal(2)
        immediate_at = Signal(3)
        immediate_bytes = Signal(3)
        word_bytes = Mux(self.operand32, Const(4, 3), Const(2, 3))
        m.d.comb += [
            form.modrm.eq(self.bytes[0]),
            form.sib.eq(self.bytes[1]),
            form.address32.eq(self.address32),
            addressed.eq(self.modrm_present & self.memory),
            moffs.eq(self.immediate_kind == Immediate.OFFSET),
            self.with_sib.eq(addressed & form.with_sib),
        ]
        with m.If(addressed):
            m.d.comb += displacement_bytes.eq(form.displacement_bytes)
        with m.Elif(moffs):
            m.d.comb += displacement_bytes.eq(Mux(self.address32, Const(4, 3), Const(2, 3)))
        with m.Switch(self.immediate_kind):
            with m.Case(Immediate.BYTE, Immediate.BYTE_SIGNED):
                m.d.comb += immediate_bytes.eq(1)
            with m.Case(Immediate.WORD):
                m.d.comb += immediate_bytes.eq(2)
            with m.Case(Immediate.ROW):
                m.d.comb += immediate_bytes.eq(Mux(self.byte, Const(1, 3), word_bytes))
            with m.Case(Immediate.FAR):
                m.d.comb += immediate_bytes.eq(Mux(self.operand32, Const(6, 3), Const(4, 3)))
            with m.Case(Immediate.WORD_BYTE):
                m.d.comb += immediate_bytes.eq(3)
            with m.Case(Immediate.REL):
                m.d.comb += immediate_bytes.eq(word_bytes)
        m.d.comb += [
            displacement_at.eq(self.modrm_present + self.with_sib),
            immediate_at.eq(displacement_at + displacement_bytes),
            self.length.eq(immediate_at + immediate_bytes),
        ]

        # displacement
        field = Signal(32)
        displacement = Signal(32)
        with m.Switch(displacement_at):
            for at in range(3):
                with m.Case(at):
                    m.d.comb += field.eq(raw[8 * at :])
        with m.Switch(displacement_bytes):
            with m.Case(1):
                m.d.comb += displacement.eq(field[:8].as_signed())
            with m.Case(2):
                m.d.comb += displacement.eq(Mux(moffs, field[:16], field[:16].as_signed()))
            with m.Case(4):
                m.d.comb += displacement.eq(field)

        # segment
        m.d.comb += [
            self.data_segment.eq(Mux(self.override_valid, self.override, Segment.DS)),
            self.ea.displacement.eq(displacement),
            self.ea.segment.eq(self.data_segment),
        ]
        with m.If(addressed):
            m.d.comb += [
                self.ea.base_valid.eq(form.base_valid),
                self.ea.base.eq(form.base),
                self.ea.index_valid.eq(form.index_valid),
                self.ea.index.eq(form.index),
                self.ea.scale.eq(form.scale),
            ]
            with m.If(form.stack & ~self.override_valid):
                m.d.comb += self.ea.segment.eq(Segment.SS)

        # immediates; the second one stands only behind an opcode without ModRM byte
        found = Signal(32)
        with m.Switch(immediate_at):
            for at in (0, 1, 2, 3, 5, 6):
                with m.Case(at):
                    m.d.comb += found.eq(raw[8 * at :])
        wide = Mux(self.operand32, found, found[:16])
        with m.Switch(self.immediate_kind):
            with m.Case(Immediate.BYTE):
                m.d.comb += self.immediate.eq(found[:8])
            with m.Case(Immediate.BYTE_SIGNED):
                m.d.comb += self.immediate.eq(found[:8].as_signed())
            with m.Case(Immediate.WORD, Immediate.WORD_BYTE):
                m.d.comb += self.immediate.eq(found[:16])
            with m.Case(Immediate.ROW):
                m.d.comb += self.immediate.eq(Mux(self.byte, found[:8], wide))
            with m.Case(Immediate.FAR):
                m.d.comb += self.immediate.eq(wide)
            with m.Case(Immediate.REL):
                m.d.comb += self.immediate.eq(Mux(self.operand32, found, Cat(found[:16], found[15].replicate(16))))
        with m.If(self.immediate_kind == Immediate.WORD_BYTE):
            m.d.comb += self.immediate2.eq(self.bytes[2])
        with m.Else():
            m.d.comb += self.immediate2.eq(Mux(self.operand32, raw[32:48], raw[16:32]))
        return m
