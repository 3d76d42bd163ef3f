"""The circuit of the simulated machine: chipset, processor, and ring −1 unless it is left out."""

from amaranth.lib import data, wiring

from chipset.boards.simulation import SimulationTop
from chipset.devices.storage.simulation_disk import SimulationDisk
from chipset.soc import DMA_MASTERS
from chipset.view import view_layout
from contracts.clocks import CYCLES_PER_PIT_TICK
from cpu_ext.extension import Svm
from cpu_ext.plug import Context
from firmware.build import reset_rom
from rtl.core import Core
from rtl.params import CoreParams
from rtl.retire.view import CoreView

__all__ = ["VIEW", "simulated_machine"]

_CORE = data.StructLayout({key: Context if key == "context" else field.shape for key, field in data.Layout.cast(CoreView)})
VIEW = view_layout(_CORE, DMA_MASTERS)
"""Layout of the port ``view``."""


def simulated_machine(
    memory_bytes: int,
    *,
    extension: bool = True,
    host_link: bool = True,
    params: str = "default",
    latency: int = 6,
    timer_divider: int = CYCLES_PER_PIT_TICK,
    named_view: bool = False,
) -> wiring.Component:
    """The machine with ``memory_bytes`` of RAM; ``params`` names a configuration of the processor;
    ``named_view`` shows each part of the view at a port of its own."""
    core_params = getattr(CoreParams, params)()
    if extension:
        core = Core(core_params, Svm(core_params))
    else:
        core = Core(core_params)
    return SimulationTop(
        core, reset_rom(), memory_bytes, host_link, latency=latency, timer_divider=timer_divider, disk=SimulationDisk(), tpm=True,
        keyboard=True, display=True, view_shape=_CORE, named_view=named_view,
    )  # fmt: skip
