"""Controller, keyboard and mouse on Verilator: ports, interrupt lines, and what comes from the user's hands."""

from functools import cache

from amaranth.hdl import ResetInserter, Signal

from chipset.devices.ps2.ps2 import Ps2
from cocotb_tests import verilated
from sim.model import ModelSpec

__all__ = ["SPEC", "Stage", "stage"]


class Stage(verilated.Wrapped):
    """
    Members
    -------
    ps2 : the ``Ps2``, to be driven and looked at by its ports
    reset : resets it as platform reset does
    """

    def __init__(self) -> None:
        self.ps2 = Ps2()
        self.reset = Signal()
        super().__init__(ResetInserter(self.reset)(self.ps2), [self.ps2], [self.reset])


SPEC = ModelSpec(f"{__name__}:Stage", rooms=verilated.rooms("cocotb_tests/chipset/devices/ps2/stage.py"))


@cache
def stage() -> Stage:
    """The one whose signals the testbenches name."""
    return Stage()
