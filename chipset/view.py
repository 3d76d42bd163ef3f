"""What a viewer of waveforms wants to see of the machine in every cycle."""

from amaranth.hdl import ShapeCastable
from amaranth.lib import data

from chipset.dma_policy.policy import Denial
from contracts.bus import BusRequest, BusResponse

__all__ = ["BusView", "DmaView", "view_layout"]


class BusView(data.Struct):
    """The processor's bus."""

    valid: 1
    ready: 1
    request: BusRequest
    answer: 1
    response: BusResponse


class DmaView(data.Struct):
    """A DMA master's accesses: one is made with ``request``, answered (word by word) with ``answer``."""

    request: 1
    address: 32
    write: 1
    answer: 1
    error: 1
    data: 32


def view_layout(core: ShapeCastable | int, dma_masters: int) -> data.StructLayout:
    """Layout of the view of a machine whose processor shows ``core``. ``valid`` is always 1."""
    return data.StructLayout({
        "valid": 1, "core": core, "bus": BusView, "dma": data.ArrayLayout(DmaView, dma_masters),
        "guarded": 1, "denial": Denial, "stub_waiting": 1, "reset": 1,
    })  # fmt: skip
