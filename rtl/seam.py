"""What an extension may add to the core (design decision 4). Nothing in ``rtl`` names an extension; one is handed to ``Core``.

An extension brings opcode rows, microprograms, MSRs and CPUID leaves, and a component with :class:`SeamSignature`, seen from the
extension's side. The core without one ties every answer to "no".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.flags import Eflags
from rtl.arch.registers import Mode
from rtl.decode.decoded import Decoded
from rtl.decode.row import Row
from rtl.microcode.uop import LABEL_WIDTH, InterceptPoint
from rtl.params import CoreParams

__all__ = ["CoreParams", "CpuidLeaf", "Decoded", "Extension", "MsrRow", "PendingEvents", "RaisedEvent", "Row", "SeamSignature"]


@dataclass(frozen=True)
class MsrRow:
    """An MSR: microprograms that read it into EDX:EAX and write it from there (they end the instruction); None raises #GP(0)."""

    number: int
    read: str | None
    write: str | None


@dataclass(frozen=True)
class CpuidLeaf:
    """A CPUID leaf: constants for EAX, EBX, ECX, EDX; bits are or-ed with the core's own leaf of that number."""

    number: int
    eax: int = 0
    ebx: int = 0
    ecx: int = 0
    edx: int = 0


class RaisedEvent(data.Struct):
    """An exception at the moment it is raised, before CR2 is written and before it merges with the event in delivery."""

    word: 32  # as EVENTINJ's low word
    error: 32
    address: 32  # linear address of a #PF
    shutdown: 1  # a third fault: nothing is left to deliver
    software: 1  # INT3, INTO or BOUND raised it
    icebp: 1  # ICEBP raised it, a #DB that is not looked for as an exception


class PendingEvents(data.Struct):
    """The pins and what holds them back, sampled between two instructions."""

    intr: 1
    nmi: 1
    init: 1
    interrupt_flag: 1
    shadow: 1
    nmi_masked: 1
    debug_trap: 1  # EFLAGS.TF was set before the instruction that has just ended, or a data breakpoint was met


class SeamSignature(wiring.Signature):
    """Every wire between core and extension, as the extension sees it.

    *Interception*: while ``point`` is not NONE and ``point_valid``, a micro-op that carries it is in X, with its sources ``a`` and ``b``
    and the instruction in ``decoded``. ``take`` (combinational) calls the microprogram at ``target`` in its place; a RETURN
    from there goes on after that micro-op.

    *Exceptions*: ``raised_valid`` asks for one cycle, ``raised_take`` (combinational) sends the sequencer to ``raised_target``.

    *Events*: ``pending`` is offered all the time; ``event_take``/``event_target`` say whether one is taken at the next boundary, or
    now where a micro-op is interruptible, and by which microprogram. The core's own choice comes in ``default_take``/
    ``default_target``. ``wake`` ends HALT.

    *State*: ``special_*`` is the extension's half of the special registers, read combinationally, written at the end of W.
    ``unit_*``: micro-ops of Unit.EXTENSION in X (``unit_valid`` for one cycle, when they take effect); ``condition`` is tested by
    Condition.EXTENSION. ``asid``, ``ring_minus_1``, ``tsc_offset``, ``context``, ``a20_on`` (address bit 20 is not masked, whatever
    the pin says), ``breakpoints_off`` (matches are dropped) are levels.
    """

    def __init__(self) -> None:
        super().__init__({
            "point_valid": In(1), "point": In(InterceptPoint), "decoded": In(Decoded), "a": In(32), "b": In(32),
            "constant": In(32), "take": Out(1), "target": Out(LABEL_WIDTH),
            "raised_valid": In(1), "raised": In(RaisedEvent), "raised_take": Out(1), "raised_target": Out(LABEL_WIDTH),
            "pending": In(PendingEvents), "default_take": In(1), "default_target": In(LABEL_WIDTH),
            "event_take": Out(1), "event_target": Out(LABEL_WIDTH), "wake": Out(1),
            "special_number": In(8), "special_read": Out(32), "special_write": In(1), "special_data": In(32),
            "unit_valid": In(1), "unit_fn": In(5), "unit_result": Out(32), "condition": Out(1),
            "boundary": In(1),  # an instruction ends in this cycle
            "mode": In(Mode), "eflags": In(Eflags), "cr0": In(32),
            "asid": Out(8), "ring_minus_1": Out(1), "tsc_offset": Out(64), "context": Out(32), "a20_on": Out(1), "breakpoints_off": Out(1),
        })  # fmt: skip


class Extension(Protocol):
    """What ``Core`` is handed."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """Rows added to the opcode map."""

    @property
    def sources(self) -> tuple[Path, ...]:
        """Files of microprograms, assembled into the same ROM."""

    @property
    def msrs(self) -> tuple[MsrRow, ...]:
        """Rows added to RDMSR and WRMSR."""

    @property
    def cpuid(self) -> tuple[CpuidLeaf, ...]:
        """Leaves added to CPUID."""

    @property
    def specials(self) -> Mapping[str, int]:
        """Names of the extension's special registers for its microprograms (80h and above)."""

    @property
    def functions(self) -> Mapping[str, int]:
        """Names of its unit's functions."""

    @property
    def points(self) -> Mapping[str, InterceptPoint]:
        """Names of its own intercept points."""

    @property
    def constants(self) -> Mapping[str, int]:
        """Numbers that its microprograms name."""

    def build(self, params: CoreParams, labels: Mapping[str, int]) -> wiring.Component:
        """The component, with ``seam: Out(SeamSignature())``… as seen from the extension; ``labels`` are ROM addresses."""
