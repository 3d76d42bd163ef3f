"""The whole machine but for the processor, which the testbench plays: on Verilator."""

from collections.abc import Iterable
from functools import cache
from typing import Any
from unittest.mock import patch

from amaranth.hdl import Mux, Signal
from amaranth.lib import wiring

import chipset.soc as soc_module
from chipset.boards.simulation import SimulationTop
from chipset.devices.display.display import Display
from chipset.devices.display.memories import LINE_WORDS, SCREEN_WORDS
from chipset.devices.storage.memory_disk import MemoryDisk
from chipset.devices.storage.port import SECTOR_WORDS
from chipset.interconnect.decode import is_page
from chipset.memory_fabric import MemoryFabric
from cocotb_tests import verilated
from cocotb_tests.chipset.bus_master import ProcessorDouble
from cocotb_tests.opened import Opened
from contracts.memory_map import Physical
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
    processor : the ``ProcessorDouble``; has_disk : whether it has a disk; leaks : whether it has a seeded bug: DMA reaches the display
    look, word : with a disk: the number of a word of the medium, and what it holds
    line_at, line_word, screen_at, screen_word : the same of the trusted line and of screen memory
    """

    def __init__(self, disk: bool, leaks: bool) -> None:
        self.processor = ProcessorDouble()
        medium = MemoryDisk(SECTORS, init=[word_of(s, n) for s in range(SECTORS) for n in range(SECTOR_WORDS)]) if disk else None
        top = SimulationTop(
            self.processor, ROM, MEMORY, latency=_QUICK if disk else LATENCY, block_ram=True, disk=medium, keyboard=True, display=True,
        )  # fmt: skip
        self.look, self.word = Signal(range(SECTORS * SECTOR_WORDS)), Signal(32)
        self.line_at, self.line_word = Signal(range(LINE_WORDS)), Signal(32)
        self.screen_at, self.screen_word = Signal(range(SCREEN_WORDS)), Signal(32)
        ports = [name for name in top.signature.members if name not in _SHOWN]
        flows = {flow: [getattr(top, n) for n in ports if top.signature.members[n].flow is flow] for flow in (wiring.In, wiring.Out)}
        super().__init__(
            top, [wiring.flipped(self.processor)], [*flows[wiring.In], self.look, self.line_at, self.screen_at],
            [*flows[wiring.Out], self.word, self.line_word, self.screen_word],
        )  # fmt: skip
        for name in ports:
            setattr(self, name, getattr(top, name))
        self.has_disk, self.leaks = disk, leaks
        self._top, self._medium = top, medium

    def elaborate(self, platform: object) -> Any:
        m = super().elaborate(platform)
        self._open_display()
        if self._medium is not None:
            port = Opened(self._medium).module.submodules.array.read_port(domain="comb")
            m.d.comb += [port.addr.eq(self.look), self.word.eq(port.data)]
        return m

    def _open_display(self) -> None:
        """Looks into the display's memories, from a port of their own; with the bug, a port for DMA as well."""
        display, fabrics = Display(), []

        def fabric(**parameters: Any) -> MemoryFabric:
            fabrics.append(MemoryFabric(**parameters))
            return fabrics[0]

        with patch.object(soc_module, "Display", lambda: display), patch.object(soc_module, "MemoryFabric", fabric):
            Opened(self._top.soc)
        opened = Opened(display)
        for name, at, word, base in (
            ("line", self.line_at, self.line_word, Physical.TRUSTED_LINE), ("screen", self.screen_at, self.screen_word, Physical.SCREEN),
        ):  # fmt: skip
            memory = opened.open(name).module
            port = memory.submodules.array.read_port(domain="comb")
            memory.d.comb += [port.addr.eq(at), word.eq(port.data)]
            for master in fabrics[0].dma if self.leaks else ():
                request = master.req
                written = master.req_valid & master.req_ready & request.write & is_page(request.address, base)
                leak = memory.submodules.array.write_port(granularity=8)
                memory.d.comb += [leak.addr.eq(request.address[2:]), leak.data.eq(request.data), leak.en.eq(Mux(written, request.mask, 0))]


@cache
def whole(disk: bool = False, leaks: bool = False) -> Whole:
    """The one whose signals the testbenches name."""
    return Whole(disk, leaks)


def simulate(machine: Whole, *testbenches: Any, background: Iterable[Any] = ()) -> None:
    """Runs the testbenches to their end; ``background`` ones run beside them."""
    spec = ModelSpec(f"{__name__}:Whole", {"disk": machine.has_disk, "leaks": machine.leaks}, rooms=_ROOMS)
    verilated.simulate(spec, machine, *testbenches, background=background)
