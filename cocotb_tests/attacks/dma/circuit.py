"""The machine under attack, all of it but the processor and RAM's array, which the testbench plays: on Verilator."""

from contextlib import nullcontext
from typing import Any
from unittest.mock import patch

from amaranth.hdl import Cat, Const, Fragment, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

import chipset.soc as soc_module
from chipset.devices.storage.memory_disk import MemoryDisk
from chipset.devices.storage.port import SECTOR_WORDS
from chipset.memory_controller.ram import WORD_BYTES, RamSignature
from chipset.soc import DMA_ENGINES, Soc, SocParams
from cocotb_tests import verilated
from cocotb_tests.attacks.dma import bugs, bugs_disk
from cocotb_tests.attacks.dma.device import Device
from cocotb_tests.attacks.dma.switchboard import BUGS, wired
from cocotb_tests.attacks.dma.world import MEMORY_BYTES
from cocotb_tests.chipset.bus_master import ProcessorDouble
from cocotb_tests.opened import Opened
from sim.model import ModelSpec

__all__ = ["ROW", "Circuit", "SparseRam", "WithDisk"]

ROW = 4  # words that are put on the disk in a cycle

_SECTORS = 4  # of the disk; its words are 0 until a script writes them
_LATENCY = 3
_OF_BUGS = (bugs, bugs_disk)  # the files that all bugs come from
_FILES = ("circuit", "switchboard", "device", "world", *(module.__name__.rpartition(".")[2] for module in _OF_BUGS))
_ROOMS = verilated.rooms("cocotb_tests/chipset/bus_master.py", *(f"cocotb_tests/attacks/dma/{name}.py" for name in _FILES))


class SparseRam(wiring.Component):
    """RAM whose words the testbench keeps. It clears 16 MiB in a cycle, so that a scrub takes 16."""

    clear_words = 1 << 22
    port: In(RamSignature(MEMORY_BYTES // WORD_BYTES))

    def elaborate(self, platform) -> Module:
        return Module()


class WithDisk(wiring.Component):
    """The machine and what keeps its disk's sectors.

    Attributes
    ----------
    fill, row, words : puts words of a row on the disk at the next clock edge: a bit of ``fill`` for each that is meant
    busy : the disk is working
    """

    def __init__(self, soc: Soc) -> None:
        self._soc = soc
        self._disk = MemoryDisk(_SECTORS)
        self.fill, self.row, self.words = Signal(ROW), Signal(range(_SECTORS * SECTOR_WORDS // ROW)), Signal(32 * ROW)
        self.busy = Signal()
        super().__init__({})

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.soc = self._soc
        m.submodules.disk = self._disk
        wiring.connect(m, self._soc.storage, self._disk.port)
        array = Opened(self._disk).module.submodules.array
        for n in range(ROW):
            port = array.write_port()
            m.d.comb += [
                port.en.eq(self.fill[n]),
                port.addr.eq(Cat(Const(n, range(ROW)), self.row)),
                port.data.eq(self.words.word_select(n, 32)),
            ]
        request = self._disk.port.request
        m.d.comb += self.busy.eq(request.valid | ~request.ready)
        return m


class Circuit(verilated.Wrapped):
    """One of the four machines.

    Parameters
    ----------
    seeded : whether the bugs of the switchboard are built in, each behind its switch
    disk : whether the machine has a disk

    Members
    -------
    soc, processor, ram, devices : the machine, and what the testbench plays of it
    with_disk : the signals by which the disk is filled, if there is one
    spec : of its model
    """

    def __init__(self, seeded: bool, disk: bool) -> None:
        assert {bug.put.__module__ for bug in BUGS.values()} == {module.__name__ for module in _OF_BUGS}
        self._seeded = seeded
        self.processor, self.ram = ProcessorDouble(), SparseRam()
        self.devices = [Device() for _ in range(DMA_ENGINES)]
        params = SocParams(memory_bytes=MEMORY_BYTES, latency=_LATENCY, storage=disk)
        self.soc = soc = Soc(self.processor, params, rom=bytes(16), ram=self.ram)
        self.with_disk = filled = WithDisk(soc) if disk else None
        self.spec = ModelSpec(f"{__name__}:Circuit", {"seeded": seeded, "disk": disk}, rooms=_ROOMS)
        link = soc.link_commands
        super().__init__(
            filled or soc,
            [wiring.flipped(self.processor), wiring.flipped(self.ram), *(device.raw for device in self.devices)],
            [
                soc.straps, soc.external_reset, link.valid, link.payload, *(device.taken_over for device in self.devices),
                *(BUGS[name].switch for name in sorted(BUGS) if seeded), *((filled.fill, filled.row, filled.words) if filled else ()),
            ],
            [
                soc.platform_reset, soc.denial, soc.dma, link.ready, soc.link_answer_valid, soc.link_answer,
                *((filled.busy,) if filled else ()),
            ],
        )  # fmt: skip

    def elaborate(self, platform: object) -> Any:
        with wired() if self._seeded else nullcontext(), patch.object(soc_module, "DmaEngine", iter(self.devices).__next__):
            return Fragment.get(super().elaborate(platform), platform)
