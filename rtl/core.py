"""The processor: frontend, pipeline, memory side and what is plugged into the seam, joined. Wiring only."""

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from contracts.bus import BusSignature, SnoopSignature
from rtl.arch.control import Cr0
from rtl.arch.opcode_map import ROWS
from rtl.fetch.frontend import Frontend
from rtl.memory.unit import MemoryUnit
from rtl.microcode.rom import build
from rtl.no_extension import NoExtension
from rtl.params import CoreParams
from rtl.pipeline import Pipeline
from rtl.retire.port import RetirePort
from rtl.retire.view import CoreView
from rtl.seam import Extension

__all__ = ["Core"]


class Core(wiring.Component):
    """An IA-32 processor, with ``extension`` or without. ``rom`` is its assembled microcode (for traces and tools).

    Members: ``bus``, ``snoop``; the pins ``intr``, ``nmi``, ``init``, ``a20m`` (1: bit 20 of every physical address reads as 0, before
    the caches); ``shutdown`` (a third fault: only a reset helps); ``retire``; ``view``, for waveforms.
    """

    bus: Out(BusSignature())
    snoop: In(SnoopSignature())
    intr: In(1)
    nmi: In(1)
    init: In(1)
    a20m: In(1)
    shutdown: Out(1)
    retire: Out(RetirePort)
    view: Out(CoreView)

    def __init__(self, params: CoreParams, extension: Extension | None = None) -> None:
        self._params = params
        self._extension = extension
        self.rom = build(extension)
        super().__init__()

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        extension = self._extension
        rows = ROWS + (extension.rows if extension else ())
        m.submodules.frontend = frontend = Frontend(rows, self.rom.labels)
        m.submodules.pipeline = pipeline = Pipeline(self.rom)
        m.submodules.memory = memory = MemoryUnit(self._params)
        m.submodules.extension = plugged = extension.build(self._params, self.rom.labels) if extension else NoExtension()

        connect(m, memory.bus, flipped(self.bus))
        connect(m, flipped(self.snoop), memory.snoop)
        connect(m, pipeline.access, memory.access)
        connect(m, pipeline.maintenance, memory.maintenance)
        connect(m, pipeline.redirect, frontend.redirect)
        connect(m, frontend.decoded, pipeline.decoded)
        connect(m, frontend.lines, memory.lines)
        connect(m, memory.store_line, frontend.stores)
        connect(m, pipeline.seam, plugged.seam)
        m.d.comb += [
            frontend.context.eq(pipeline.context), pipeline.stale.eq(frontend.stale),
            memory.fetch.eq(frontend.latched), memory.redirect.eq(pipeline.redirect.valid),
            memory.mode.eq(pipeline.mode), memory.cr3.eq(pipeline.cr3), memory.cache_disable.eq((pipeline.cr0 & int(Cr0.CD)).any()),
            memory.asid.eq(plugged.seam.asid), memory.ring_minus_1.eq(plugged.seam.ring_minus_1),
            pipeline.intr.eq(self.intr), pipeline.nmi.eq(self.nmi), pipeline.init.eq(self.init),
            memory.a20m.eq(self.a20m & ~plugged.seam.a20_on),
            self.shutdown.eq(pipeline.shutdown), self.retire.eq(pipeline.retire),
            self.view.eq(pipeline.view),
        ]  # fmt: skip
        return m
