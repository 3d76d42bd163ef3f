"""Unit.SPECIAL: which special register a micro-op reads or writes, and the single actions on EFLAGS. Combinational."""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.flags import WRITABLE, Bit, Eflags
from rtl.arch.special import Special
from rtl.microcode.uop import SpecialFn

__all__ = ["SpecialUnit"]

SHOWN = WRITABLE & ~(1 << Bit.RF)  # what PUSHF stores, beside the bit that is always one
FUNCTION_WIDTH = 5


class SpecialUnit(wiring.Component):
    """``valid`` gates every output that acts.

    ``flags_write``, ``shadow``, ``halt`` and ``write`` take effect when the micro-op finishes.
    """

    valid: In(1)
    fn: In(FUNCTION_WIDTH)
    a: In(32)
    b: In(32)
    constant: In(8)
    target_segment: In(4)
    eflags: In(Eflags)
    value: In(32)  # special[number]
    number: Out(8)
    read: Out(1)
    write: Out(1)
    maintenance: Out(1)  # the write is an order to caches or TLBs
    result: Out(32)
    flags_write: Out(1)
    flags: Out(Eflags)
    resume: Out(1)  # RF is among them
    shadow: Out(1)  # hold interrupts for one instruction
    no_step: Out(1)  # and the single-step trap (after a load of SS)
    halt: Out(1)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        fn = self.fn
        offset = Signal(4)
        with m.If((fn == SpecialFn.READ_SREG) | (fn == SpecialFn.WRITE_SREG)):
            m.d.comb += offset.eq(self.target_segment)
        with m.Elif((fn == SpecialFn.READ_INDEXED) | (fn == SpecialFn.WRITE_INDEXED)):
            m.d.comb += offset.eq(self.a[:4])
        writes = (fn == SpecialFn.WRITE) | (fn == SpecialFn.WRITE_SREG) | (fn == SpecialFn.WRITE_INDEXED)
        reads = (fn == SpecialFn.READ) | (fn == SpecialFn.READ_SREG) | (fn == SpecialFn.READ_INDEXED)
        m.d.comb += [
            self.number.eq(self.constant + offset),
            self.write.eq(self.valid & writes), self.read.eq(self.valid & reads),
            self.maintenance.eq(
                self.write & self.number.matches(Special.INVALIDATE_PAGE, Special.FLUSH_TLB, Special.FLUSH_CACHES)
            ),
            self.result.eq(Mux(fn == SpecialFn.FLAGS_READ, self.eflags.as_value() & (SHOWN | 2), self.value)),
            self.flags.eq(self.eflags),
        ]  # fmt: skip
        with m.If(self.valid):
            with m.Switch(fn):
                with m.Case(SpecialFn.FLAGS_WRITE):
                    m.d.comb += [
                        self.flags_write.eq(1), self.flags.as_value().eq((self.eflags.as_value() & ~self.a) | (self.b & self.a)),
                        self.resume.eq(self.a[Bit.RF.value]),
                    ]  # fmt: skip
                for function, flag, new in (
                    (SpecialFn.CLEAR_CF, "cf", 0), (SpecialFn.SET_CF, "cf", 1), (SpecialFn.TOGGLE_CF, "cf", ~self.eflags.cf),
                    (SpecialFn.CLEAR_DF, "df", 0), (SpecialFn.SET_DF, "df", 1),
                    (SpecialFn.CLEAR_IF, "if_", 0), (SpecialFn.SET_IF, "if_", 1),
                ):  # fmt: skip
                    with m.Case(function):
                        m.d.comb += [self.flags_write.eq(1), getattr(self.flags, flag).eq(new)]
            m.d.comb += [
                self.shadow.eq((fn == SpecialFn.SET_SHADOW) | ((fn == SpecialFn.SET_IF) & ~self.eflags.if_)),
                self.no_step.eq(fn == SpecialFn.SET_SHADOW), self.halt.eq(fn == SpecialFn.HALT),
            ]  # fmt: skip
        return m
