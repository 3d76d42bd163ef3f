"""The alignment check (Intel SDM vol. 3, 6.15, interrupt 17): data accesses of CPL 3 while CR0.AM and EFLAGS.AC are set.

An access must lie at a multiple of its size, and so must each part of an operand that is accessed in parts: a far pointer 16:16 lies at a
multiple of 2, 16:32 at one of 4, bit strings and bounds by operand size. Where the manual (table 6-7) wants another alignment
the micro-op says so. What is done as supervisor whatever the CPL (descriptors, the TSS, stacks of inner rings), page walks, code fetches
and port accesses are never checked.
"""

from amaranth.hdl import Module, Signal, Value
from amaranth.lib.data import View

from rtl.microcode.uop import Alignment

__all__ = ["is_misaligned"]

_OF_SIZE = {1: 0b000, 2: 0b001, 4: 0b011}  # address bits that must be 0
_OF_ALIGNMENT = {Alignment.DOUBLE_WORD: 0b011, Alignment.QUADWORD: 0b111, Alignment.ANY: 0b000}


def is_misaligned(m: Module, linear: Value, size: Value, alignment: View) -> Signal:
    """A signal: an access of ``size`` bytes (1, 2, 4) at ``linear`` is not where ``alignment`` wants it."""
    zero = Signal(3)
    result = Signal()
    with m.Switch(alignment):
        with m.Case(Alignment.SIZE), m.Switch(size):
            for bytes_, bits in _OF_SIZE.items():
                with m.Case(bytes_):
                    m.d.comb += zero.eq(bits)
        for asked, bits in _OF_ALIGNMENT.items():
            with m.Case(asked):
                m.d.comb += zero.eq(bits)
    m.d.comb += result.eq((linear[: len(zero)] & zero).any())
    return result
