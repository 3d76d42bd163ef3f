"""Does a micro-op's condition hold? (:class:`rtl.microcode.uop.Condition`)"""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.flags import Eflags
from rtl.arch.registers import Mode
from rtl.arch.special import Rep
from rtl.execute.flags import ArithmeticFlags
from rtl.microcode.uop import Condition

__all__ = ["ConditionUnit"]


class ConditionUnit(wiring.Component):
    """Evaluation of conditions. Combinational.

    Members
    -------
    condition : In(Condition)
    result_flags : In(ArithmeticFlags)
        Of this micro-op's own result, for Z, NZ, C, NC, S, NS.
    eflags : In(Eflags)
        Before the micro-op, as are all that follow.
    mode : In(Mode)
    opcode : In(8)
        The last byte of the opcode; bits 3:0 are the condition code of CC.
    rep : In(2)
        A Rep.
    operand32, address32 : In(1)
    event_has_error, event_software, extension : In(1)
        The lines that the conditions of these names test.
    holds : Out(1)
    holds_before : Out(1)
        The same for every condition that does not look at ``result_flags`` (those give 0). For SETCC, whose result is made of it: there
        is no path from ``result_flags``, hence no loop.
    """

    condition: In(Condition)
    result_flags: In(ArithmeticFlags)
    eflags: In(Eflags)
    mode: In(Mode)
    opcode: In(8)
    rep: In(2)
    operand32: In(1)
    address32: In(1)
    event_has_error: In(1)
    event_software: In(1)
    extension: In(1)
    holds: Out(1)
    holds_before: Out(1)

    def elaborate(self, platform: object) -> Module:
        """The sixteen condition codes, then the micro-op's conditions."""
        m = Module()
        f = self.eflags
        test = Signal()
        code = Signal()
        with m.Switch(self.opcode[1:4]):
            with m.Case(0):
                m.d.comb += test.eq(f.of)
            with m.Case(1):
                m.d.comb += test.eq(f.cf)
            with m.Case(2):
                m.d.comb += test.eq(f.zf)
            with m.Case(3):
                m.d.comb += test.eq(f.cf | f.zf)
            with m.Case(4):
                m.d.comb += test.eq(f.sf)
            with m.Case(5):
                m.d.comb += test.eq(f.pf)
            with m.Case(6):
                m.d.comb += test.eq(f.sf ^ f.of)
            with m.Case(7):
                m.d.comb += test.eq((f.sf ^ f.of) | f.zf)
        m.d.comb += code.eq(test ^ self.opcode[0])

        protected = Signal()
        io_allowed = Signal()
        repeats = Signal()
        m.d.comb += [
            protected.eq(self.mode.pe & ~f.vm),
            io_allowed.eq(~self.mode.pe | (self.mode.cpl <= f.iopl)),
            repeats.eq(Mux(self.rep == Rep.REPNE, ~f.zf, f.zf) & (self.rep != 0)),
        ]
        before = {
            Condition.ALWAYS: 1,
            Condition.CC: code,
            Condition.PROTECTED: protected,
            Condition.REAL: ~protected,
            Condition.OPERAND32: self.operand32,
            Condition.OPERAND16: ~self.operand32,
            Condition.REP_PREFIX: self.rep != 0,
            Condition.NO_REP_PREFIX: self.rep == 0,
            Condition.REPEAT_ZF: repeats,
            Condition.STOP_ZF: ~repeats,
            Condition.CPL0: self.mode.cpl == 0,
            Condition.NOT_CPL0: self.mode.cpl != 0,
            Condition.IOPL_OK: io_allowed,
            Condition.IOPL_LOW: ~io_allowed,
            Condition.FLAG_OF: f.of,
            Condition.NOT_EXTENSION: ~self.extension,
            Condition.EXTENSION: self.extension,
            Condition.ADDRESS16: ~self.address32,
            Condition.STACK16: ~self.mode.stack32,
            Condition.EVENT_HAS_ERROR: self.event_has_error,
            Condition.EVENT_SOFTWARE: self.event_software,
            Condition.FLAG_ZF: f.zf,
            Condition.FLAG_NZ: ~f.zf,
            Condition.FLAG_NT: f.nt,
        }
        r = self.result_flags
        after = {
            Condition.Z: r.zf,
            Condition.NZ: ~r.zf,
            Condition.C: r.cf,
            Condition.NC: ~r.cf,
            Condition.S: r.sf,
            Condition.NS: ~r.sf,
        }
        assert before.keys() | after.keys() == set(Condition), "every condition is evaluated"
        with m.Switch(self.condition):
            for condition, value in before.items():
                with m.Case(condition):
                    m.d.comb += self.holds_before.eq(value)
        m.d.comb += self.holds.eq(self.holds_before)
        with m.Switch(self.condition):
            for condition, value in after.items():
                with m.Case(condition):
                    m.d.comb += self.holds.eq(value)
        return m
