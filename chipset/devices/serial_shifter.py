"""Bytes to and from a serial line, 8N1: what a board has where a simulation has byte ports."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

__all__ = ["SerialShifter"]

_FRAME = 10  # start bit, eight data bits, stop bit


class SerialShifter(wiring.Component):
    """A transmitter and a receiver of a fixed rate.

    Parameters
    ----------
    bit_cycles : cycles of the system clock in a bit

    Members
    -------
    bytes_out : stream of bytes, In, to be sent; bytes_in : stream of bytes, Out, received (a byte that nobody takes in time is lost)
    tx : Out(1); rx : In(1), asynchronous
    """

    def __init__(self, bit_cycles: int) -> None:
        if bit_cycles < 4:
            raise ValueError(f"{bit_cycles} cycles a bit: at least 4")
        self._bit_cycles = bit_cycles
        super().__init__({
            "bytes_out": In(stream.Signature(8)), "bytes_in": Out(stream.Signature(8)), "tx": Out(1, init=1), "rx": In(1, init=1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Transmitter: the frame is shifted out, low bit first, ones behind it.
        frame = Signal(_FRAME, init=-1)
        left = Signal(range(_FRAME + 1))
        phase = Signal(range(self._bit_cycles))
        m.d.comb += [self.bytes_out.ready.eq(left == 0), self.tx.eq(frame[0])]
        with m.If(left == 0):
            with m.If(self.bytes_out.valid):
                m.d.sync += [
                    frame.eq(Cat(Const(0, 1), self.bytes_out.payload, Const(1, 1))), left.eq(_FRAME), phase.eq(self._bit_cycles - 1),
                ]  # fmt: skip
        with m.Elif(phase == 0):
            m.d.sync += [frame.eq(Cat(frame[1:], Const(1, 1))), left.eq(left - 1), phase.eq(self._bit_cycles - 1)]
        with m.Else():
            m.d.sync += phase.eq(phase - 1)

        # Receiver: each bit is looked at in its middle.
        line = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, line, init=1)
        bits = Signal(_FRAME)
        wanted = Signal(range(_FRAME + 1))
        wait = Signal(range(self._bit_cycles))
        with m.If(self.bytes_in.ready):
            m.d.sync += self.bytes_in.valid.eq(0)
        with m.If(wanted == 0):
            with m.If(~line):
                m.d.sync += [wanted.eq(_FRAME), wait.eq(self._bit_cycles // 2 - 1)]
        with m.Elif(wait == 0):
            received = Cat(bits[1:], line)
            m.d.sync += [bits.eq(received), wanted.eq(wanted - 1), wait.eq(self._bit_cycles - 1)]
            with m.If((wanted == _FRAME) & line):
                m.d.sync += wanted.eq(0)  # no start bit after all
            with m.If((wanted == 1) & line):
                m.d.sync += [self.bytes_in.payload.eq(received[1:-1]), self.bytes_in.valid.eq(1)]
        with m.Else():
            m.d.sync += wait.eq(wait - 1)
        return m
