"""The whole machine but for the processor, which the testbench plays: on Verilator."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from amaranth.hdl import Signal
from amaranth.lib import wiring

from chipset.boards.simulation import SimulationTop
from chipset.devices.storage.memory_disk import MemoryDisk
from chipset.devices.storage.port import SECTOR_WORDS
from cocotb_tests import verilated
from cocotb_tests.chipset.bus_master import ProcessorDouble
from cocotb_tests.opened import Opened
from sim.model import ModelSpec

__all__ = ["LATENCY", "MEMORY", "ROM", "SECTORS", "Whole", "simulate", "whole", "word_of"]

MEMORY = 64 << 10
LATENCY = 6
ROM = bytes(range(64))
SECTORS = 3

_QUICK = 3  # the latency of the machine with a disk, whose tests wait for memory most
_SHOWN = {"view", "retire"}  # ports that no test looks at, and that are large
_ROOMS = verilated.rooms("cocotb_tests/chipset/whole.py", "cocotb_tests/chipset/bus_master.py")


def word_of(sector: int, n: int) -> int:
    """What the medium holds at first."""
    return 0xD150_0000 | sector << 12 | n


class Whole(verilated.Wrapped):
    """The ports of ``SimulationTop`` are its own, but for ``view`` and ``retire``.

    Members
    -------
    processor : the ``ProcessorDouble``; has_disk : whether it has a disk
    look, word : with a disk: the number of a word of the medium, and what it holds
    """

    def __init__(self, disk: bool) -> None:
        self.processor = ProcessorDouble()
        medium = MemoryDisk(SECTORS, init=[word_of(s, n) for s in range(SECTORS) for n in range(SECTOR_WORDS)]) if disk else None
        top = SimulationTop(self.processor, ROM, MEMORY, latency=_QUICK if disk else LATENCY, block_ram=True, disk=medium)
        self.look, self.word = Signal(range(SECTORS * SECTOR_WORDS)), Signal(32)
        ports = [name for name in top.signature.members if name not in _SHOWN]
        flows = {flow: [getattr(top, n) for n in ports if top.signature.members[n].flow is flow] for flow in (wiring.In, wiring.Out)}
        super().__init__(top, [wiring.flipped(self.processor)], [*flows[wiring.In], self.look], [*flows[wiring.Out], self.word])
        for name in ports:
            setattr(self, name, getattr(top, name))
        self.has_disk = disk
        self._medium = medium

    def elaborate(self, platform: object) -> Any:
        m = super().elaborate(platform)
        if self._medium is not None:
            port = Opened(self._medium).module.submodules.array.read_port(domain="comb")
            m.d.comb += [port.addr.eq(self.look), self.word.eq(port.data)]
        return m


@cache
def whole(disk: bool = False) -> Whole:
    """The one whose signals the testbenches name."""
    return Whole(disk)


def simulate(machine: Whole, *testbenches: Any, background: Iterable[Any] = ()) -> None:
    """Runs the testbenches to their end; ``background`` ones run beside them."""
    spec = ModelSpec(f"{__name__}:Whole", {"disk": machine.has_disk}, rooms=_ROOMS)
    verilated.simulate(spec, machine, *testbenches, background=background)
