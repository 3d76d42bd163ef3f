"""The memory unit alone, on Verilator: what the pipeline, the prefetch queue and the bus see of it."""

from dataclasses import asdict
from functools import cache

from cocotb_tests import verilated
from rtl.memory.unit import MemoryUnit
from rtl.params import CoreParams
from sim.model import ModelSpec

__all__ = ["Unit", "unit"]

_ROOMS = ("contracts", "rtl", "cocotb_tests/verilated.py", "cocotb_tests/rtl/memory/unit.py")


class Unit(verilated.Wrapped):
    """``sizes`` are those of a ``CoreParams``.

    Members
    -------
    dut : the ``MemoryUnit``, to be driven and looked at by its ports
    spec : of its model
    """

    def __init__(self, **sizes: int) -> None:
        self.dut = MemoryUnit(CoreParams(**sizes))
        self.spec = ModelSpec(f"{__name__}:Unit", sizes, rooms=_ROOMS)
        super().__init__(self.dut, [self.dut])


@cache
def unit(params: CoreParams) -> Unit:
    """The one of that size whose signals the testbenches name."""
    return Unit(**asdict(params))
