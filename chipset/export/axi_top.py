"""The AXI4 guard as a module with flat ports, named as AXI signals are."""

from collections.abc import Iterator
from typing import Any

from amaranth.hdl import Value
from amaranth.lib import data

from chipset.export.axi_guard import AxiGuard
from chipset.export.flat import FlatPort, FlatTop, guard_ports
from chipset.export.settings import GuardSettings

__all__ = ["MEMORY", "REGISTERS", "TRUSTED", "AxiTop", "guarded_name"]

TRUSTED, MEMORY, REGISTERS = "s_trusted_axi", "m_axi", "s_axil"


def guarded_name(number: int) -> str:
    """Prefix of a guarded port's signals."""
    return f"s{number:02}_axi"


def _leaves(payload: Any) -> Iterator[tuple[str, Value]]:
    """The fields of a channel, those of nested structs too."""
    for name, _ in data.Layout.cast(payload.shape()):
        member = payload[name]
        if isinstance(member, data.View):
            yield from _leaves(member)
        else:
            yield name, Value.cast(member)


def _bus(prefix: str, bus: Any, is_manager: bool) -> Iterator[FlatPort]:
    """A bus's signals; ``is_manager``: it is the module that begins transfers on it."""
    for channel in ("aw", "w", "b", "ar", "r"):
        inner = getattr(bus, channel)
        from_manager = channel in ("aw", "w", "ar")
        arrives = from_manager is not is_manager
        for name, value in _leaves(inner.payload):
            yield FlatPort(f"{prefix}_{channel}{name}", arrives, value)
        yield FlatPort(f"{prefix}_{channel}valid", arrives, inner.valid)
        yield FlatPort(f"{prefix}_{channel}ready", not arrives, inner.ready)


class AxiTop(FlatTop):
    """``AxiGuard`` with the ports ``aclk``, ``aresetn``, ``s00_axi_*`` …, ``s_trusted_axi_*``, ``s_axil_*``, ``m_axi_*`` and its own."""

    def __init__(self, settings: GuardSettings) -> None:
        guard = AxiGuard(settings)
        guarded = [guarded_name(n) for n in range(settings.requesters)]
        ports = guard_ports(guard, _bus, registers=REGISTERS, trusted=TRUSTED, guarded=guarded, memory=MEMORY)
        super().__init__(guard, ports, clock="aclk", reset="aresetn", reset_high=False)
