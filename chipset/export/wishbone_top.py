"""The Wishbone guard as a module with flat ports, named as Wishbone signals are: _i and _o are seen from the module."""

from collections.abc import Iterator
from typing import Any

from chipset.export.flat import FlatPort, FlatTop, guard_ports
from chipset.export.settings import GuardSettings
from chipset.export.wishbone_guard import WishboneGuard

__all__ = ["MEMORY", "REGISTERS", "TRUSTED", "WishboneTop", "guarded_name"]

TRUSTED, MEMORY, REGISTERS = "s_trusted_wb", "m_wb", "s_registers_wb"
_CLOCK, _RESET = "clk", "rst"


def guarded_name(number: int) -> str:
    """Prefix of a guarded port's signals."""
    return f"s{number:02}_wb"


def _bus(prefix: str, bus: Any, is_master: bool) -> Iterator[FlatPort]:
    """A bus's signals; ``is_master``: it is the module that begins accesses on it."""
    request = bus.request
    from_master = (
        ("cyc", bus.cyc), ("stb", bus.stb), ("we", request.we), ("adr", request.adr), ("sel", request.sel), ("dat", request.dat)
    )  # fmt: skip
    for name, value in from_master:
        yield FlatPort(f"{prefix}_{name}_{'o' if is_master else 'i'}", not is_master, value)
    for name, value in (("ack", bus.ack), ("err", bus.err), ("dat", bus.dat)):
        yield FlatPort(f"{prefix}_{name}_{'i' if is_master else 'o'}", is_master, value)


class WishboneTop(FlatTop):
    """``WishboneGuard`` with ``clk``, ``rst``, ``s00_wb_*`` …, ``s_trusted_wb_*``, ``s_registers_wb_*``, ``m_wb_*`` and its own ports."""

    def __init__(self, settings: GuardSettings) -> None:
        guard = WishboneGuard(settings)
        guarded = [guarded_name(n) for n in range(settings.requesters)]
        ports = guard_ports(guard, _bus, registers=REGISTERS, trusted=TRUSTED, guarded=guarded, memory=MEMORY)
        super().__init__(guard, ports, clock=_CLOCK, reset=_RESET, reset_high=True)
