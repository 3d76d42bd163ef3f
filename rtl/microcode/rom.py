"""The microcode ROM: assembled from the programs of the core and of its extension, held in a synchronous memory."""

from pathlib import Path

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl.microcode import dispatch
from rtl.microcode.assembler import Rom, assemble
from rtl.microcode.uop import LABEL_WIDTH, Template
from rtl.seam import Extension

__all__ = ["PROGRAMS", "MicrocodeRom", "build"]

PROGRAMS = Path(__file__).parent / "programs"


def build(extension: Extension | None = None) -> Rom:
    """Assembles every program of the core, those of ``extension``, and the generated dispatch of MSRs and CPUID leaves."""
    sources = sorted(PROGRAMS.glob("*.uasm"))
    generated = dispatch.text(extension)
    if extension is None:
        return assemble(sources, {}, {}, {}, generated)
    x = extension
    return assemble([*sources, *x.sources], x.specials, x.functions, x.points, generated, x.constants)


class MicrocodeRom(wiring.Component):
    """``template`` is the word at the ``address`` of the latest cycle with ``enable``."""

    enable: In(1)
    address: In(LABEL_WIDTH)
    template: Out(Template)

    def __init__(self, rom: Rom) -> None:
        self._words = rom.words
        super().__init__()

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        width = Template.as_shape().size
        m.submodules.memory = memory = Memory(shape=width, depth=len(self._words), init=self._words)
        read = memory.read_port()
        m.d.comb += [read.en.eq(self.enable), read.addr.eq(self.address), self.template.eq(read.data)]
        return m
