"""Ports through which a program reports: POST codes at 80h, the debug console at E9h, the exit port at F4h."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.interconnect.ports import IoSignature

__all__ = ["DEBUG_CONSOLE_ID", "OutPort"]

DEBUG_CONSOLE_ID = 0xE9  # what Bochs' and QEMU's debug console reads


class OutPort(wiring.Component):
    """One port. Each write shows for a cycle at ``valid`` Out(1), ``data`` Out(8); reads give ``constant``, or the last write if None."""

    def __init__(self, constant: int | None = None) -> None:
        self._constant = constant
        super().__init__({"io": In(IoSignature()), "valid": Out(1), "data": Out(8)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.sync += self.valid.eq(self.io.write)
        with m.If(self.io.write):
            m.d.sync += self.data.eq(self.io.write_data)
        m.d.comb += self.io.read_data.eq(self.data if self._constant is None else self._constant)
        return m
