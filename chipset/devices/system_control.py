"""Port 92h (A20, fast reset) and port CF9h (reset control) as PC chipsets have them."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.ports import IoSignature

__all__ = ["ResetControl", "SystemControlA"]


class _SystemControlA(data.Struct):
    """Port 92h."""

    fast_reset: 1  # 0 to 1: platform reset
    a20: 1
    reserved: 6


class SystemControlA(wiring.Component):
    """Port 92h. ``a20`` Out(1): 1 = address line 20 is on, as far as this port is asked. ``reset`` Out(1), one cycle."""

    io: In(IoSignature())
    a20: Out(1)
    reset: Out(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        value = Signal(_SystemControlA)
        written = Signal(_SystemControlA)
        m.d.comb += [
            written.eq(self.io.write_data),
            self.io.read_data.eq(Cat(value.fast_reset, value.a20, Const(0, 6))),
            self.a20.eq(value.a20),
            self.reset.eq(self.io.write & written.fast_reset & ~value.fast_reset),
        ]
        with m.If(self.io.write):
            m.d.sync += value.eq(written)
        return m


class _ResetControl(data.Struct):
    """Port CF9h."""

    reserved0: 1
    hard: 1  # what a reset is: 1 platform reset, 0 INIT
    trigger: 1  # 0 to 1: do it
    reserved1: 5


class ResetControl(wiring.Component):
    """Port CF9h. ``reset`` Out(1): platform reset; ``init`` Out(1): INIT of the processor alone; one cycle each."""

    io: In(IoSignature())
    reset: Out(1)
    init: Out(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        value = Signal(_ResetControl)
        written = Signal(_ResetControl)
        fire = Signal()
        m.d.comb += [
            written.eq(self.io.write_data),
            fire.eq(self.io.write & written.trigger & ~value.trigger),
            self.io.read_data.eq(Cat(Const(0, 1), value.hard, value.trigger, Const(0, 5))),
            self.reset.eq(fire & written.hard),
            self.init.eq(fire & ~written.hard),
        ]
        with m.If(self.io.write):
            m.d.sync += value.eq(written)
        return m
