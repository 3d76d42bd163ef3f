"""Issue: makes an operation of a template and the instruction it works for (``resolved``), and keeps it for A, M and X (``operation``).

Widths become bytes, selectors become register numbers, registers are read. What is known only later is marked in the operand: memory
data (after M) and the offset of the address (after A). A micro-op without memory access that names EA as a source takes EA as its
base, so that LEA needs no address clause.

PUSH and POP address ESP − size and ESP, wrapping by SS.B, whatever base the template names.
"""

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.registers import Gpr
from rtl.decode.decoded import Decoded
from rtl.execute.operand import OperandWidth, cut
from rtl.microcode.flags_read import FlagsReadUnit
from rtl.microcode.operation import Operand, Operation, RegisterTarget
from rtl.microcode.uop import (
    AddressBase,
    AddressSegment,
    AddressSize,
    Alu,
    Destination,
    EspChange,
    Memory,
    Privilege,
    Source,
    Template,
    Unit,
    Width,
)  # fmt: skip

__all__ = ["Issue"]

REGISTERS = 8


class Issue(wiring.Component):
    """``template`` and the state it is resolved with → ``resolved``, taken into ``operation`` with ``latch``."""

    template: In(Template)
    instruction: In(Decoded)
    gpr: In(data.ArrayLayout(32, REGISTERS))
    temporary: In(data.ArrayLayout(32, REGISTERS))
    eip: In(32)
    next_eip: In(32)
    direction: In(1)  # EFLAGS.DF
    stack32: In(1)
    new_stack32: In(1)  # SCRATCH.B
    latch: In(1)
    resolved: Out(Operation)
    operation: Out(Operation)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        t, i, o = self.template, self.instruction, self.resolved
        with m.If(self.latch):
            m.d.sync += self.operation.eq(o)
        for name in (
            "unit", "constant", "memory", "alignment", "fault_class", "esp", "flags", "condition", "sequence", "label", "commit",
            "interruptible", "intercept", "refetch", "drain",
        ):  # fmt: skip
            m.d.comb += getattr(o, name).eq(getattr(t, name))
        for name in ("length", "instructions", "prediction"):
            m.d.comb += getattr(o, name).eq(getattr(i, name))
        m.submodules.flags_read = reads = FlagsReadUnit()
        m.d.comb += [
            reads.unit.eq(t.unit), reads.fn.eq(o.fn), reads.condition.eq(t.condition), reads.opcode.eq(i.opcode),
            reads.source1.eq(t.source1), reads.source2.eq(t.source2), reads.constant.eq(t.constant[:8]), o.flags_read.eq(reads.mask),
        ]  # fmt: skip
        m.d.comb += [
            o.fn.eq(Mux(t.fn_row, i.fn, t.fn)),
            o.width.eq(self._width(m, t.width, "operation_width")),
            o.size.eq(1 << self._width(m, t.memory_width, "access_width")),
            o.supervisor.eq(t.privilege == Privilege.SUPERVISOR),
            # The prefix, where it is legal, is for the one access that reads and writes the operand.
            o.lock.eq(t.lock | (i.lock & (t.memory == Memory.READ_MODIFY_WRITE))),
        ]

        byte = o.width == OperandWidth.BYTE
        extends_byte = (o.unit == Unit.ALU) & ((o.fn == Alu.ZEXT8) | (o.fn == Alu.SEXT8))
        self._operand(m, t.source1, byte, o.a)
        self._operand(m, t.source2, byte | extends_byte, o.b)
        self._target(m, byte, o.target)
        with m.If(o.unit == Unit.MULDIV):
            edx, eax = self.gpr[Gpr.EDX.value], self.gpr[Gpr.EAX.value]
            m.d.comb += o.c.eq(Mux(byte, eax[8:16], Mux(o.width == OperandWidth.WORD, edx[:16], edx)))
        with m.Else():
            m.d.comb += o.c.eq(cut(self._byte_of(self.gpr, i.modrm[3:6], byte), o.width))
        self._address(m, o.parts)
        return m

    def _width(self, m: Module, width: Width, name: str) -> Value:
        """The operand width that a Width stands for."""
        i = self.instruction
        result = Signal(OperandWidth, name=name)
        by_size = Mux(i.operand32, OperandWidth.DWORD, OperandWidth.WORD)
        with m.Switch(width):
            with m.Case(Width.B):
                m.d.comb += result.eq(OperandWidth.BYTE)
            with m.Case(Width.W):
                m.d.comb += result.eq(OperandWidth.WORD)
            with m.Case(Width.D):
                m.d.comb += result.eq(OperandWidth.DWORD)
            with m.Case(Width.ROW):
                m.d.comb += result.eq(Mux(i.byte, OperandWidth.BYTE, by_size))
            with m.Case(Width.OPERAND):
                m.d.comb += result.eq(by_size)
            with m.Case(Width.ADDRESS):
                m.d.comb += result.eq(Mux(i.address32, OperandWidth.DWORD, OperandWidth.WORD))
            with m.Case(Width.STACK):
                m.d.comb += result.eq(Mux(self.stack32, OperandWidth.DWORD, OperandWidth.WORD))
        return result.as_value()

    @staticmethod
    def _byte_of(file: data.View, number: Value, byte: Value) -> Value:
        """A register by its encoding: as a byte 4–7 are AH, CH, DH, BH, put into bits 7:0."""
        high = byte & number[2]
        whole = file[Cat(number[:2], Mux(byte, 0, number[2]))]
        return Mux(high, whole >> 8, whole)

    def _encoded(self, m: Module, selector: Value, name: str) -> tuple[Signal, Signal]:
        """(by, number): the selector is REG, RM or OPREG; the register it then means."""
        i = self.instruction
        by, number = Signal(name=f"{name}_encoded"), Signal(3, name=f"{name}_number")
        with m.Switch(selector):
            for source, bits in ((Source.REG, i.modrm[3:6]), (Source.RM, i.modrm[0:3]), (Source.OPREG, i.opcode[0:3])):
                with m.Case(source):
                    m.d.comb += [by.eq(1), number.eq(bits)]
        return by, number

    def _operand(self, m: Module, source: Source, byte: Value, operand: Operand) -> None:
        """Reads a source."""
        i = self.instruction
        by, number = self._encoded(m, source, "source")
        step = Signal(4)
        m.d.comb += step.eq(Mux(i.byte, 1, Mux(i.operand32, 4, 2)))
        m.d.comb += [operand.memory.eq(source == Source.MEM), operand.address.eq(source == Source.EA)]
        value = Signal(32)
        with m.If(by):
            m.d.comb += value.eq(self._byte_of(self.gpr, number, byte))
        with m.Else():
            with m.Switch(source):
                for n in range(REGISTERS):
                    with m.Case(n):
                        m.d.comb += value.eq(self.gpr[n])
                    with m.Case(REGISTERS + n):
                        m.d.comb += value.eq(self.temporary[n])
                for named, it in (
                    (Source.IMM, i.immediate), (Source.IMM2, i.immediate2), (Source.CONST, self.template.constant),
                    (Source.EIP, self.eip), (Source.NEXT_EIP, self.next_eip),
                    (Source.ROW_BYTES, Mux(self.direction, -step, step)), (Source.AH, self.gpr[Gpr.EAX.value][8:16]),
                ):  # fmt: skip
                    with m.Case(named):
                        m.d.comb += value.eq(it)
        m.d.comb += operand.value.eq(value)

    def _target(self, m: Module, byte: Value, target: RegisterTarget) -> None:
        """Resolves the destination."""
        d = self.template.destination
        by, number = self._encoded(m, d, "destination")
        with m.If(by):
            m.d.comb += [
                target.write.eq(1), target.high.eq(byte & number[2]), target.index.eq(Cat(number[:2], Mux(byte, 0, number[2]))),
            ]  # fmt: skip
        with m.Elif(d == Destination.AH):
            m.d.comb += [target.write.eq(1), target.high.eq(1), target.index.eq(Gpr.EAX)]
        with m.Elif(d != Destination.NONE):
            m.d.comb += [target.write.eq(1), target.temporary.eq(d[3]), target.index.eq(d[:3])]

    def _address(self, m: Module, parts: data.View) -> None:
        """What stage A adds up."""
        t, i = self.template, self.instruction
        esp = self.gpr[Gpr.ESP.value]
        own = Signal(32)  # the template's displacement, sign-extended
        names_ea = (t.source1 == Source.EA) | (t.source2 == Source.EA)
        uses_ea = Signal()
        m.d.comb += [
            own.eq(t.displacement.as_signed()),
            uses_ea.eq((t.base == AddressBase.EA) | ((t.memory == Memory.NONE) & names_ea)),
        ]
        with m.If(t.esp == EspChange.PUSH):
            m.d.comb += [parts.base.eq(esp), parts.displacement.eq(-self.resolved.size)]
        with m.Elif(t.esp == EspChange.POP):
            m.d.comb += parts.base.eq(esp)
        with m.Elif(uses_ea):
            m.d.comb += [
                parts.base.eq(Mux(i.ea.base_valid, self.gpr[i.ea.base], 0)),
                parts.index.eq(Mux(i.ea.index_valid, self.gpr[i.ea.index] << i.ea.scale, 0)),
                parts.displacement.eq(i.ea.displacement + own),
            ]
        with m.Else():
            m.d.comb += parts.displacement.eq(own)
            with m.Switch(t.base):
                for n in range(REGISTERS):
                    with m.Case(n):
                        m.d.comb += parts.base.eq(self.gpr[n])
                    with m.Case(REGISTERS + n):
                        m.d.comb += parts.base.eq(self.temporary[n])

        with m.Switch(t.address_size):
            with m.Case(AddressSize.INSTRUCTION):
                m.d.comb += parts.wide.eq(i.address32)
            with m.Case(AddressSize.STACK):
                m.d.comb += parts.wide.eq(self.stack32)
            with m.Case(AddressSize.NEW_STACK):
                m.d.comb += parts.wide.eq(self.new_stack32)
            with m.Case(AddressSize.A32):
                m.d.comb += parts.wide.eq(1)
        with m.If(t.esp != EspChange.NONE):
            m.d.comb += parts.wide.eq(self.stack32)

        with m.Switch(t.segment):
            with m.Case(AddressSegment.EA):
                m.d.comb += parts.segment.eq(i.ea.segment)
            with m.Case(AddressSegment.DATA):
                m.d.comb += parts.segment.eq(i.data_segment)
            with m.Default():
                m.d.comb += parts.segment.eq(t.segment)
