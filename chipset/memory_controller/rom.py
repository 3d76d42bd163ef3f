"""The reset ROM: 64 KiB below 4 GiB, seen again below 1 MiB."""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["ROM_BYTES", "Rom"]

ROM_BYTES = 64 << 10
_WORD = 4
_ONES = 0xFFFF_FFFF


class Rom(wiring.Component):
    """``image`` at the top of the window: its last byte is the last one below 4 GiB. What it does not fill reads as ones.

    Members
    -------
    enable : In(1); ``address`` : In(14), in words; ``data`` : Out(32), from the next cycle on
    """

    def __init__(self, image: bytes) -> None:
        if not 0 < len(image) <= ROM_BYTES:
            raise ValueError(f"a ROM image of {len(image)} bytes: 1 to {ROM_BYTES} fit")
        size = _WORD
        while size < len(image):
            size *= 2
        padded = image.rjust(size, b"\xff")
        self._words = [int.from_bytes(padded[n : n + _WORD], "little") for n in range(0, size, _WORD)]
        super().__init__({"enable": In(1), "address": In(range(ROM_BYTES // _WORD)), "data": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        depth = len(self._words)
        m.submodules.array = array = memory.Memory(shape=32, depth=depth, init=self._words)
        read = array.read_port(domain="sync")
        bits = depth.bit_length() - 1
        outside = Signal()
        with m.If(self.enable):
            m.d.sync += outside.eq(~self.address[bits:].all() if bits < len(self.address) else 0)
        m.d.comb += [
            read.en.eq(self.enable),
            read.addr.eq(self.address[:bits]),
            self.data.eq(Mux(outside, Const(_ONES, 32), read.data)),
        ]
        return m
