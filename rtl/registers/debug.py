"""The debug registers: special registers 68h to 6Fh (Intel SDM vol. 3, 17.2). What they ask for is done by :mod:`rtl.trap.breakpoints`.

A #DB writes bits 3:0 of DR6 anew and leaves the others standing (AMD64 APM vol. 2, 13.1.1.3), and clears DR7.GD.
"""

from amaranth import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from contracts.architecture import DR6_FIXED, DR7_FIXED, Dr6, Dr7
from rtl.arch.debug import BREAKPOINTS, DebugControl
from rtl.arch.special import Special

__all__ = ["DebugRegisters"]

_DR6_WRITABLE = int(Dr6.B | Dr6.BD | Dr6.BS | Dr6.BT)
_DR7_WRITABLE = int(Dr7.ENABLES | Dr7.LE | Dr7.GE | Dr7.GD | Dr7.BREAKPOINTS)
_BS = int(Dr6.BS).bit_length() - 1


class DebugRegisters(wiring.Component):
    """Read combinationally by ``number``, written at the end of the cycle with ``write``."""

    number: In(8)
    value: Out(32)
    write: In(1)
    data: In(32)
    report: In(1)  # a #DB is to tell of ``met`` and, if so, of a single step
    met: In(BREAKPOINTS)
    stepped: In(1)
    entered: In(1)  # a #DB is raised, whatever becomes of it
    addresses: Out(data.ArrayLayout(32, BREAKPOINTS))
    control: Out(DebugControl)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        addresses = Signal(data.ArrayLayout(32, BREAKPOINTS))
        status = Signal(32, init=DR6_FIXED)
        control = Signal(DebugControl, init={"one": 1})
        m.d.comb += [self.addresses.eq(addresses), self.control.eq(control)]

        readable = {
            **{Special.DR0 + n: addresses[n] for n in range(BREAKPOINTS)},
            Special.DR4: status, Special.DR6: status, Special.DR5: control, Special.DR7: control,
        }  # fmt: skip
        with m.Switch(self.number):
            for number, register in readable.items():
                with m.Case(number):
                    m.d.comb += self.value.eq(register)

        with m.If(self.report):
            m.d.sync += [status[:BREAKPOINTS].eq(self.met), status[_BS].eq(Mux(self.stepped, 1, status[_BS]))]
        with m.If(self.entered):
            m.d.sync += control.detect.eq(0)
        with m.If(self.write):
            with m.Switch(self.number):
                for n in range(BREAKPOINTS):
                    with m.Case(Special.DR0 + n):
                        m.d.sync += addresses[n].eq(self.data)
                with m.Case(Special.DR4, Special.DR6):
                    m.d.sync += status.eq((self.data & _DR6_WRITABLE) | DR6_FIXED)
                with m.Case(Special.DR5, Special.DR7):
                    m.d.sync += control.as_value().eq((self.data & _DR7_WRITABLE) | DR7_FIXED)
        return m
