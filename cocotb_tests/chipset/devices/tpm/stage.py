"""The TPM's register file alone, on Verilator: what the bus, the late launch and the TPM behind it see of it."""

from functools import cache

from amaranth.hdl import ResetInserter, Signal

from chipset.devices.tpm.tpm import Tpm
from cocotb_tests import verilated
from sim.model import ModelSpec

__all__ = ["PATIENCE", "SPEC", "Stage", "stage"]

PATIENCE = 10_000  # cycles: longer than any testbench lets it wait that does not want it to give up


class Stage(verilated.Wrapped):
    """
    Members
    -------
    tpm : the ``Tpm``, to be driven and looked at by its ports
    reset : resets it as platform reset does
    """

    def __init__(self) -> None:
        self.tpm = Tpm(patience=PATIENCE)
        self.reset = Signal()
        super().__init__(ResetInserter(self.reset)(self.tpm), [self.tpm], [self.reset])


SPEC = ModelSpec(f"{__name__}:Stage", rooms=verilated.rooms("cocotb_tests/chipset/devices/tpm/stage.py"))


@cache
def stage() -> Stage:
    """The one whose signals the testbenches name."""
    return Stage()
