"""Ports with the names that others use, each wired to a member of a bus inside."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from amaranth.hdl import ClockDomain, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["FlatPort", "FlatTop", "guard_ports"]


@dataclass(frozen=True)
class FlatPort:
    """A port of the exported module. ``inner`` is the value inside: what it drives if it is an input, what drives it if not."""

    name: str
    is_input: bool
    inner: Value

    @property
    def width(self) -> int:
        """Bits."""
        return len(self.inner)


def guard_ports(guard: Any, bus: Callable[[str, Any, bool], Iterator[FlatPort]], *, registers: str, trusted: str, guarded: Sequence[str],
                memory: str) -> Iterator[FlatPort]:  # fmt: skip
    """A guard's ports, whatever its bus: ``bus`` gives the signals of one, by their prefix, and whether the guard begins transfers there.
    The trusted port is the last of ``guard.ports``."""
    yield from bus(registers, guard.registers, False)
    yield from bus(trusted, guard.ports[len(guarded)], False)
    for n, prefix in enumerate(guarded):
        yield from bus(prefix, guard.ports[n], False)
    yield from bus(memory, guard.memory, True)
    for name in ("irq", "enabled", "memory_clean", "device_reset"):
        yield FlatPort(name, False, getattr(guard, name))
    yield FlatPort("device_idle", True, guard.device_idle)


class FlatTop(wiring.Component):
    """A module of flat ports around ``inside``, in a clock domain of its own.

    Parameters
    ----------
    inside : the component; it is in the domain ``sync``
    ports : its ports, without clock and reset
    clock, reset : names of these ports; the reset is synchronous
    reset_high : the level of ``reset`` that resets
    """

    def __init__(self, inside: wiring.Component, ports: Iterator[FlatPort], *, clock: str, reset: str, reset_high: bool) -> None:
        self._inside = inside
        self.flat = tuple(ports)
        self.clock, self.reset, self._reset_high = clock, reset, reset_high
        members = {port.name: (In if port.is_input else Out)(port.width) for port in self.flat}
        super().__init__({clock: In(1), reset: In(1), **members})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = sync = ClockDomain(local=True)
        m.submodules.guard = self._inside
        reset = getattr(self, self.reset)
        m.d.comb += [sync.clk.eq(getattr(self, self.clock)), sync.rst.eq(reset if self._reset_high else ~reset)]
        for port in self.flat:
            outer = getattr(self, port.name)
            m.d.comb += port.inner.eq(outer) if port.is_input else outer.eq(port.inner)
        return m
