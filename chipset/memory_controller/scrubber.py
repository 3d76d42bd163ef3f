"""Zeroes all of RAM."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.memory_controller.ram import RamSignature

__all__ = ["Scrubber"]


class Scrubber(wiring.Component):
    """From ``start`` In(1) to ``done`` Out(1), each one cycle, clears ``step`` words a cycle; ``busy`` Out(1) meanwhile."""

    def __init__(self, *, words: int, step: int) -> None:
        if words % step or step & (step - 1):
            raise ValueError(f"{words} words cannot be cleared {step} at a time")
        self._words = words
        self._step = step
        super().__init__({"start": In(1), "busy": Out(1), "done": Out(1), "ram": Out(RamSignature(words))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        block = Signal(range(max(self._words // self._step, 2)))
        shift = self._step.bit_length() - 1
        m.d.comb += [self.ram.enable.eq(self.busy), self.ram.clear.eq(self.busy), self.ram.address.eq(block << shift)]
        with m.If(self.busy):
            m.d.sync += block.eq(block + 1)
            with m.If(block == self._words // self._step - 1):
                m.d.comb += self.done.eq(1)
                m.d.sync += self.busy.eq(0)
        with m.Elif(self.start):
            m.d.sync += [self.busy.eq(1), block.eq(0)]
        return m
