"""Stage W: what a micro-op writes into the general registers, in its right lanes. Combinational."""

from amaranth import Cat, Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.execute.operand import OperandWidth
from rtl.microcode.operation import Operation
from rtl.microcode.uop import EspChange

__all__ = ["Writeback"]

LOW, BYTE1, HIGH_HALF = 1, 2, 4  # lanes of the register file


class Writeback(wiring.Component):
    """ESP changes by the size of the access: PUSH to the offset that was addressed, POP beyond it; only SP if SS.B is clear."""

    finish: In(1)
    operation: In(Operation)
    offset: In(32)
    result: In(32)
    esp: In(32)
    write: Out(1)
    temporary: Out(1)
    index: Out(3)
    data: Out(32)
    lanes: Out(3)
    esp_write: Out(1)
    esp_data: Out(32)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        op, target, wide = self.operation, self.operation.target, self.operation.parts.wide
        m.d.comb += [
            self.write.eq(self.finish & target.write), self.temporary.eq(target.temporary), self.index.eq(target.index),
            self.data.eq(Mux(target.high, self.result << 8, self.result)),
        ]  # fmt: skip
        with m.If(target.high):
            m.d.comb += self.lanes.eq(BYTE1)
        with m.Else():
            with m.Switch(op.width):
                with m.Case(OperandWidth.BYTE):
                    m.d.comb += self.lanes.eq(LOW)
                with m.Case(OperandWidth.WORD):
                    m.d.comb += self.lanes.eq(LOW | BYTE1)
                with m.Default():
                    m.d.comb += self.lanes.eq(LOW | BYTE1 | HIGH_HALF)
        new = Mux(op.esp == EspChange.PUSH, self.offset, op.parts.base + op.size)
        m.d.comb += [
            self.esp_write.eq(self.finish & (op.esp != EspChange.NONE)),
            self.esp_data.eq(Mux(wide, new, Cat(new[:16], self.esp[16:]))),
        ]
        return m
