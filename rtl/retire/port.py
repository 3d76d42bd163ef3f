"""The retire port: one record a cycle at most, for every retired instruction, every data access and every event taken.

Lockstep comparison, traces, coverage and the check of stale translations read this one port (design decision 5). An access record
comes before the record of the instruction it belongs to; one record may be both.
"""

from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out

from rtl.arch.registers import Mode

__all__ = ["AccessRecord", "InstructionRecord", "RetireRecord", "RetireSignature"]


class AccessRecord(data.Struct):
    """A data access that has completed (with microprogram accesses to descriptor tables and TSS; page walks not)."""

    valid: 1
    read: 1
    write: 1
    io: 1
    supervisor: 1  # made as supervisor whatever the CPL
    translated: 1  # went through the TLB
    size: 3  # bytes
    linear: 32
    physical: 32  # of the first byte
    physical_last: 32  # of the last byte
    read_data: 32
    write_data: 32


class InstructionRecord(data.Struct):
    """A retired instruction (an iteration of a repeated string instruction counts), or an event taken."""

    valid: 1
    event: 1  # 1: an exception or interrupt is being delivered from here (vector valid), nothing retired
    vector: 8
    final: 1  # 0: an iteration of a repeated instruction that goes on
    eip: 32
    next_eip: 32
    cs: 16
    cs_base: 32
    physical: 32  # of the first byte
    physical_last: 32  # of the last byte
    length: 4
    bytes: data.ArrayLayout(8, 15)
    gpr: data.ArrayLayout(32, 8)  # after it
    eflags: 32  # after it
    mode: Mode  # after it


class RetireRecord(data.Struct):
    """One record."""

    valid: 1  # instruction.valid or access.valid
    instruction: InstructionRecord
    access: AccessRecord
    asid: 8
    context: 32  # the extension's opaque word (guest mode, …)


class RetireSignature(wiring.Signature):
    """``record`` Out(RetireRecord): one record a cycle. Two instructions a cycle would need a second member."""

    def __init__(self) -> None:
        super().__init__({"record": Out(RetireRecord)})
