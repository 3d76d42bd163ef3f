"""The IDE controller alone, on Verilator: what its host, its memory and its storage see of it, and the words of its sector buffer."""

from functools import cache

from amaranth.hdl import Module, ResetInserter, Signal

from chipset.devices.ide.controller import IdeController
from cocotb_tests import verilated
from cocotb_tests.opened import Opened
from contracts.ide import BLOCK_SECTORS, SECTOR_SIZE
from sim.model import ModelSpec

__all__ = ["SPEC", "Stage", "stage"]

_BANK_WORDS = BLOCK_SECTORS * SECTOR_SIZE // 4
_AT_ONCE = 16  # words of each bank


class Stage(verilated.Wrapped):
    """
    Members
    -------
    controller : the ``IdeController``, to be driven and looked at by its ports
    reset : resets it as platform reset does
    """

    def __init__(self) -> None:
        self.controller = IdeController()
        self.reset = Signal()
        self._look = Signal(range(_BANK_WORDS // _AT_ONCE))
        self._words = [Signal(16) for _ in range(2 * _AT_ONCE)]
        super().__init__(ResetInserter(self.reset)(self.controller), [self.controller], [self.reset, self._look], self._words)

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        banks = Opened(self.controller.drive.buffer).module.submodules
        for n, word in enumerate(self._words):
            port = (banks.odd if n % 2 else banks.even).read_port(domain="comb")
            m.d.comb += [port.addr.eq(self._look * _AT_ONCE + n // 2), word.eq(port.data)]
        return m

    def buffer(self, ctx) -> list[int]:
        """All words of the sector buffer."""
        words = []
        for n in range(_BANK_WORDS // _AT_ONCE):
            ctx.set(self._look, n)
            words += [ctx.get(word) for word in self._words]
        return words


SPEC = ModelSpec(f"{__name__}:Stage", rooms=verilated.rooms("cocotb_tests/chipset/devices/ide/stage.py"))


@cache
def stage() -> Stage:
    """The one whose signals the testbenches name."""
    return Stage()
