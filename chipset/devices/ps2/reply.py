"""What a device has to say to a command, byte by byte."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["REPLY_BYTES", "Reply"]

REPLY_BYTES = 4


class Reply(wiring.Component):
    """Up to four bytes on their way out.

    Members
    -------
    load : In(1): ``bytes`` In(32), the first one lowest, ``count`` of them In(3), from the next cycle on, in place of what is left
    out : stream of bytes, Out
    """

    load: In(1)
    bytes: In(8 * REPLY_BYTES)
    count: In(range(REPLY_BYTES + 1))
    out: Out(stream.Signature(8))

    def say(self, *values: Any) -> list[Any]:
        """The statements that load these bytes."""
        octets = [Const(value, 8) if isinstance(value, int) else Value.cast(value) for value in values]
        return [self.load.eq(1), self.bytes.eq(Cat(octets)), self.count.eq(len(octets))]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rest = Signal.like(self.bytes)
        left = Signal.like(self.count)
        m.d.comb += [self.out.valid.eq(left != 0), self.out.payload.eq(rest)]
        with m.If(self.load):
            m.d.sync += [rest.eq(self.bytes), left.eq(self.count)]
        with m.Elif(self.out.valid & self.out.ready):
            m.d.sync += [rest.eq(rest >> 8), left.eq(left - 1)]
        return m
