"""What a viewer of waveforms wants to see of the processor in every cycle: its state as it is, not as instructions retire.

Nothing in the machine reads it; where nobody looks it costs no gates.
"""

from amaranth.lib import data, enum

from rtl.arch.registers import Mode
from rtl.microcode.uop import LABEL_WIDTH

__all__ = ["CoreView", "Stage"]


class Stage(enum.Enum, shape=5):
    """Where the micro-op in hand is, one bit a stage; none: an exception is being raised, or the processor is in reset or shut down."""

    NONE = 0
    BOUNDARY = 1
    ISSUE = 2
    ADDRESS = 4
    MEMORY = 8
    EXECUTE = 16


class CoreView(data.Struct):
    """The processor in one cycle."""

    eip: 32  # of the instruction in hand, or of the next one
    micro_op: LABEL_WIDTH  # address in the microcode ROM
    stage: Stage
    mode: Mode
    cr3: 32
    asid: 8
    context: 32  # the extension's opaque word (guest mode, …)
