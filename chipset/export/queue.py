"""A short queue in distributed RAM."""

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Queue"]


class Queue(wiring.Component):
    """Holds up to ``depth`` items of ``shape``; ``depth`` is a power of two. Who pushes looks at ``level`` himself.

    Members
    -------
    push : In(1) of ``item`` In(shape); pop : In(1) of ``head`` Out(shape), which holds while ``level`` Out is not 0
    """

    def __init__(self, shape: object, depth: int) -> None:
        if depth < 1 or depth & (depth - 1):
            raise ValueError(f"a queue of {depth}: it must be a power of two")
        self._shape = shape
        self._depth = depth
        super().__init__({"push": In(1), "item": In(shape), "pop": In(1), "head": Out(shape), "level": Out(range(depth + 1))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.items = items = memory.Memory(shape=self._shape, depth=self._depth, init=[])
        write, read = items.write_port(), items.read_port(domain="comb")
        first = Signal(range(self._depth))
        last = Signal(range(self._depth))
        m.d.comb += [write.addr.eq(last), write.en.eq(self.push), write.data.eq(self.item), read.addr.eq(first), self.head.eq(read.data)]
        m.d.sync += [first.eq(first + self.pop), last.eq(last + self.push), self.level.eq(self.level + self.push - self.pop)]
        return m
