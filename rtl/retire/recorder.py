"""Fills a slot of the retire port. A record comes one cycle after what it reports, so that registers are shown as they are afterwards."""

from amaranth import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.registers import Mode
from rtl.decode.decoded import Decoded
from rtl.retire.port import AccessRecord, RetireRecord

__all__ = ["Recorder"]

REGISTERS = 8


class Recorder(wiring.Component):
    """``ended``: an instruction that counts has ended; ``iteration``: so has an iteration of one; ``delivered``: an event is on its way."""

    begins: In(1)  # an instruction or an event program begins: CS is noted
    ended: In(1)
    iteration: In(1)
    delivered: In(1)
    vector: In(8)
    instruction: In(Decoded)
    eip: In(32)
    next_eip: In(32)  # EIP as it will be
    cs: In(16)
    cs_base: In(32)
    gpr: In(data.ArrayLayout(32, REGISTERS))
    eflags: In(32)
    mode: In(Mode)
    access: In(AccessRecord)
    asid: In(8)
    context: In(32)
    record: Out(RetireRecord)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        i, d = self.record.instruction, self.instruction
        valid = Signal()
        cs, cs_base = Signal(16), Signal(32)
        with m.If(self.begins):
            m.d.sync += [cs.eq(self.cs), cs_base.eq(self.cs_base)]
        m.d.comb += valid.eq(self.ended | self.iteration | self.delivered)
        m.d.sync += i.valid.eq(valid)
        with m.If(valid):
            m.d.sync += [
                i.event.eq(self.delivered), i.vector.eq(Mux(self.delivered, self.vector, 0)), i.final.eq(self.ended),
                i.eip.eq(self.eip), i.cs.eq(cs), i.cs_base.eq(cs_base),
                i.physical.eq(d.physical), i.physical_last.eq(d.physical_last), i.length.eq(d.length), i.bytes.eq(d.bytes),
            ]  # fmt: skip
        m.d.comb += [
            self.record.valid.eq(i.valid | self.access.valid), self.record.access.eq(self.access),
            self.record.asid.eq(self.asid), self.record.context.eq(self.context),
            i.next_eip.eq(self.next_eip), i.gpr.eq(self.gpr), i.eflags.eq(self.eflags), i.mode.eq(self.mode),
        ]  # fmt: skip
        return m
