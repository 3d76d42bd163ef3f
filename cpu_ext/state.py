"""Ring −1's registers: host state as plain words in a small memory, the control area of the running VMCB in flip-flops."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from cpu_ext.special import HOST_WORDS, Own
from rtl.arch.special import Special

__all__ = ["ExitLatch", "State"]


class ExitLatch(wiring.Signature):
    """An exit that is being decided: ``valid`` Out(1), ``code`` Out(8), ``info1``, ``info2``, ``nrip`` Out(32)."""

    def __init__(self) -> None:
        super().__init__({"valid": Out(1), "code": Out(8), "info1": Out(32), "info2": Out(32), "nrip": Out(32)})


_WIDTHS: dict[Own, int] = {
    Own.GIF: 1,
    Own.GUEST: 1,
    Own.VM_CR: 5,
    Own.ASID: 8,
    Own.INT_VECTOR: 8,
    Own.EXITCODE: 8,
    Own.HOST_IF: 1,
    Own.INJECT: 1,
}


class State(wiring.Component):
    """The registers of :class:`cpu_ext.special.Own` as levels, all of :class:`Host` behind ``number``.

    ``number`` In(8), ``read`` Out(32) (combinational; 0 for numbers below 80h, so that the core may or it with its own),
    ``write`` In(1) with ``value`` In(32); ``exit`` In(ExitLatch) writes the four exit registers; every Own register is a member of
    its name in lower case.
    """

    def __init__(self) -> None:
        levels = {own.name.lower(): Out(_WIDTHS.get(own, 32)) for own in Own}
        super().__init__({
            "number": In(8), "read": Out(32), "write": In(1), "value": In(32), "exit": In(ExitLatch()), **levels,
        })  # fmt: skip

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.words = words = memory.Memory(shape=32, depth=HOST_WORDS, init=[])
        port, write = words.read_port(domain="comb"), words.write_port()
        offset = self.number - int(Special.EXTENSION)
        host = Signal()
        m.d.comb += [
            host.eq(self.number[6:] == int(Special.EXTENSION) >> 6),
            port.addr.eq(offset[:6]),
            write.addr.eq(offset[:6]),
            write.data.eq(self.value),
            write.en.eq(self.write & host),
            self.read.eq(Mux(host, port.data, 0)),
        ]
        registers = {}
        for own in Own:
            registers[own] = r = Signal(_WIDTHS.get(own, 32), name=own.name.lower(), init=1 if own is Own.GIF else 0)
            m.d.comb += getattr(self, own.name.lower()).eq(r)
            with m.If(self.number == int(own)):
                m.d.comb += self.read.eq(r)
                with m.If(self.write):
                    m.d.sync += r.eq(self.value)
        with m.If(self.exit.valid):
            m.d.sync += Cat(registers[Own.EXITCODE], registers[Own.EXITINFO1], registers[Own.EXITINFO2], registers[Own.NRIP]).eq(
                Cat(self.exit.code, self.exit.info1, self.exit.info2, self.exit.nrip)
            )
        return m
