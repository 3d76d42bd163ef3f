"""The retire port: a record for every retired instruction, every data access and every event taken, up to two in a cycle.

Lockstep comparison, traces, coverage and the check of stale translations read this one port (design decision 5). An access record
comes before the record of the instruction it belongs to; one record may be both.

The slots of a cycle are in program order: slot 0 is the older, and slot 1 has a record only if slot 0 has one in that cycle. So readers
see one stream of records, whatever number a processor gives in a cycle (``sim/model`` makes it for them). "After it" in a record means
before the next one, also if that is in the same cycle.

This processor retires one instruction at a time and fills slot 0 alone. Slot 1 is constant 0, which costs no gates.
"""

from amaranth.lib import data

from rtl.arch.registers import Mode

__all__ = ["RETIRED_A_CYCLE", "AccessRecord", "InstructionRecord", "RetirePort", "RetireRecord"]

RETIRED_A_CYCLE = 2


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


RetirePort = data.ArrayLayout(RetireRecord, RETIRED_A_CYCLE)
"""The port: the records of a cycle, the oldest first."""
