"""What a guard behind a bus is called, and what each of its ports is for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chipset.export import axi_top, wishbone_top
from chipset.export.settings import GuardSettings

__all__ = ["BUSES", "ExportedBus", "port_groups"]


@dataclass(frozen=True)
class ExportedBus:
    """A bus that the guard is built for.

    ``name``: as people say it. ``module``: of the Verilog. ``top``: makes the component. ``section``: its part of docs/dma_guard.md. The
    prefixes of its ports: ``guarded`` by number, ``trusted``, ``memory``, ``registers``; ``clocking``: clock and reset, in words.
    """

    name: str
    module: str
    top: Callable[[GuardSettings], Any]
    section: str
    guarded: Callable[[int], str]
    trusted: str
    memory: str
    registers: str
    clocking: str


BUSES = {
    "axi4": ExportedBus(
        "AXI4", "ringfence_dma_guard_axi4", axi_top.AxiTop, "AXI4", axi_top.guarded_name, axi_top.TRUSTED, axi_top.MEMORY,
        axi_top.REGISTERS, "`aclk`; `aresetn`, synchronous, active low",
    ),
    "wishbone": ExportedBus(
        "Wishbone B4", "ringfence_dma_guard_wishbone", wishbone_top.WishboneTop, "Wishbone B4", wishbone_top.guarded_name,
        wishbone_top.TRUSTED, wishbone_top.MEMORY, wishbone_top.REGISTERS, "`clk`; `rst`, synchronous, active high",
    ),
}  # fmt: skip


def port_groups(bus: ExportedBus, settings: GuardSettings) -> list[tuple[str, str]]:
    """Port names (a prefix with ``_*`` stands for all signals of a bus) and what they are for."""
    last = settings.requesters - 1
    numbers = f"n = 0 to {last}" if last else "n = 0"
    return [
        (f"`{bus.guarded(0)}_*`" + (f" … `{bus.guarded(last)}_*`" if last else ""), f"DMA requester n ({numbers}) attaches here; checked"),
        (f"`{bus.trusted}_*`", "the processor's side: not checked, and the only way by which the map may be written"),
        (f"`{bus.memory}_*`", "to memory; the guard reads its map here too"),
        (f"`{bus.registers}_*`", "the registers; for ring −1, or whoever owns the policy, alone"),
        ("`irq`", "1 while STATUS.DENIED is set"),
        ("`enabled`, `memory_clean`", "CONTROL.ENABLE and CONTROL.MEMORY_CLEAN, for the platform's reset logic"),
        ("`device_reset`", "DEVICE_RESET, bit n: hold the device of requester n at rest"),
        ("`device_idle`", "DEVICE_IDLE, bit n: the device of requester n is at rest"),
    ]
