"""Which flags a micro-op reads: by its function, its condition and its sources; derived here and nowhere else.

The mask has the flags that programs compute with, CF to OF and DF. The system flags (TF, IF, IOPL, NT, VM, AC …) are not in it: what
writes them may change how anything behind it is fetched, checked or interrupted, for which no mask would do.

A flag that a micro-op leaves as it was is not read by it. So a shift reads none for its count of 0, INC none for CF, and FLAGS_WRITE
none of those beyond its mask: EFLAGS is written flag by flag.

With one micro-op at a time nothing waits for a flag: nobody looks at the mask, and it costs no gates.
"""

from collections.abc import Mapping

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.special import Special
from rtl.microcode.operation import FlagsRead
from rtl.microcode.uop import Alu, Bcd, Condition, Shift, Source, SpecialFn, Unit

__all__ = ["FlagsReadUnit"]

_ALL = ("cf", "pf", "af", "zf", "sf", "of", "df")
_BY_FUNCTION: Mapping[Unit, Mapping[int, tuple[str, ...]]] = {
    Unit.ALU: {Alu.ADC: ("cf",), Alu.SBB: ("cf",)},
    Unit.SHIFT: {Shift.RCL: ("cf",), Shift.RCR: ("cf",)},
    Unit.BCD: {Bcd.DAA: ("af", "cf"), Bcd.DAS: ("af", "cf"), Bcd.AAA: ("af",), Bcd.AAS: ("af",)},
    Unit.SPECIAL: {SpecialFn.FLAGS_READ: _ALL, SpecialFn.TOGGLE_CF: ("cf",)},
}
_BY_CONDITION: Mapping[Condition, tuple[str, ...]] = {
    Condition.REPEAT_ZF: ("zf",), Condition.STOP_ZF: ("zf",), Condition.FLAG_ZF: ("zf",), Condition.FLAG_NZ: ("zf",),
    Condition.FLAG_OF: ("of",),
}  # fmt: skip
# of Condition.CC, by bits 3:1 of the opcode; bit 0 negates
_BY_CODE = (("of",), ("cf",), ("zf",), ("cf", "zf"), ("sf",), ("pf",), ("sf", "of"), ("sf", "of", "zf"))
_FUNCTION_WIDTH = 5


class FlagsReadUnit(wiring.Component):
    """See the module's text. Combinational. ``opcode``: the last byte of the instruction's; ``constant``: number of a special register."""

    unit: In(Unit)
    fn: In(_FUNCTION_WIDTH)
    condition: In(Condition)
    opcode: In(8)
    source1: In(Source)
    source2: In(Source)
    constant: In(8)
    mask: Out(FlagsRead)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        with m.Switch(self.unit):
            for unit, functions in _BY_FUNCTION.items():
                with m.Case(unit), m.Switch(self.fn):
                    for fn, flags in functions.items():
                        with m.Case(fn):
                            self._read(m, flags)
        with m.If((self.unit == Unit.SPECIAL) & (self.fn == SpecialFn.READ) & (self.constant == Special.EFLAGS)):
            self._read(m, _ALL)
        with m.Switch(self.condition):
            for condition, flags in _BY_CONDITION.items():
                with m.Case(condition):
                    self._read(m, flags)
            with m.Case(Condition.CC), m.Switch(self.opcode[1:4]):
                for code, flags in enumerate(_BY_CODE):
                    with m.Case(code):
                        self._read(m, flags)
        with m.If((self.source1 == Source.ROW_BYTES) | (self.source2 == Source.ROW_BYTES)):
            self._read(m, ("df",))
        return m

    def _read(self, m: Module, flags: tuple[str, ...]) -> None:
        """Marks these, beside what is marked already."""
        mask = self.mask
        m.d.comb += [(mask.df if name == "df" else getattr(mask.arithmetic, name)).eq(1) for name in flags]
