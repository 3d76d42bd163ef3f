"""Stage A: the address of an access, and the checks of its segment. Combinational, but for ``held``, the offset kept for X.

offset = base + scaled index + displacement, cut to 16 bits where the address size says so; linear = segment base + offset. The limit is
compared with the offset before the access size is added: offset ≤ limit − (size − 1), in parallel with the addition of the base.
In real mode only limits are checked (SDM vol. 3, 5.3 and 20.1). I/O, interrupt acknowledge and special cycles know no segment;
SYSTEM and PHYSICAL have neither limit nor rights; GDTR and IDTR have limits only.
"""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.exceptions import Vector
from rtl.arch.registers import Segment
from rtl.microcode.operation import AddressParts
from rtl.microcode.uop import BUS_ONLY, FaultClass, Memory
from rtl.segment.registers import SegmentRegister

__all__ = ["AddressStage", "crosses_limit"]

OFFSET16_MASK = 0xFFFF
OFFSET32_MASK = 0xFFFF_FFFF


def crosses_limit(m: Module, offset: Signal, size: Signal, segment: SegmentRegister, expand_down: Signal) -> Signal:
    """A signal: ``size`` bytes (1, 2, 4) at ``offset`` are not all within the segment's limit."""
    last_of_size = Signal(2)  # size - 1
    below, above = Signal(33), Signal(33)
    top = Signal(32)
    outside = Signal()
    m.d.comb += [
        last_of_size.eq(size - 1),
        below.eq(segment.limit - last_of_size),  # bit 32: the segment is smaller than the access
        top.eq(Mux(segment.attributes.db, OFFSET32_MASK, OFFSET16_MASK)),
        above.eq(top - last_of_size),
    ]  # fmt: skip
    with m.If(expand_down):
        m.d.comb += outside.eq((offset <= segment.limit) | (offset > above[:32]))
    with m.Else():
        m.d.comb += outside.eq(below[32] | (offset > below[:32]))
    return outside


class AddressStage(wiring.Component):
    """``segment`` is asked of the segment registers, which answer with ``register`` in the same cycle."""

    parts: In(AddressParts)
    memory: In(Memory)
    size: In(3)
    fault_class: In(FaultClass)
    fault_code: In(16)  # Special.FAULT_CODE
    protected: In(1)
    segment: Out(Segment)
    register: In(SegmentRegister)
    valid: In(1)  # a micro-op is in A
    offset: Out(32)
    held: Out(32)
    linear: Out(32)  # or the I/O port
    accesses: Out(1)  # it is more than an address
    fault: Out(1)
    vector: Out(Vector)
    error: Out(16)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        parts, register = self.parts, self.register
        total = Signal(32)
        io = Signal()
        m.d.comb += [
            self.segment.eq(parts.segment),
            total.eq(parts.base + parts.index + parts.displacement),
            self.offset.eq(Mux(parts.wide, total, total & OFFSET16_MASK)),
            self.accesses.eq(self.memory != Memory.NONE),
            io.eq(self.memory.as_value().matches(*BUS_ONLY)),
        ]

        with m.If(self.valid):
            m.d.sync += self.held.eq(self.offset)

        unsegmented = (parts.segment == Segment.SYSTEM) | (parts.segment == Segment.PHYSICAL)
        with m.If(io):
            m.d.comb += self.linear.eq(total & OFFSET16_MASK)
        with m.Elif(unsegmented):
            m.d.comb += self.linear.eq(self.offset)
        with m.Else():
            m.d.comb += self.linear.eq(register.base + self.offset)

        attributes = register.attributes
        kind = attributes.type
        code, down_or_conforming, allowed = kind[3], kind[2], kind[1]  # ``allowed``: writable data, readable code
        writes = Signal()
        rights = Signal()  # a violation of them
        table = (parts.segment == Segment.GDTR) | (parts.segment == Segment.IDTR)
        expand_down = Signal()
        m.d.comb += [
            writes.eq((self.memory == Memory.STORE) | (self.memory == Memory.READ_MODIFY_WRITE) | (self.memory == Memory.PROBE_WRITE)),
            expand_down.eq(self.protected & ~table & attributes.s & ~code & down_or_conforming),
        ]
        with m.If(self.protected & ~table):
            m.d.comb += rights.eq(~attributes.p | (attributes.s & ((writes & (code | ~allowed)) | (~writes & code & ~allowed))))
        outside = crosses_limit(m, self.offset, self.size, register, expand_down)
        m.d.comb += self.fault.eq(self.accesses & ~io & ~unsegmented & (rights | outside))

        m.d.comb += self.error.eq(Mux(self.fault_class == FaultClass.NORMAL, 0, self.fault_code))
        with m.Switch(self.fault_class):
            with m.Case(FaultClass.NORMAL):
                m.d.comb += self.vector.eq(Mux(parts.segment == Segment.SS, Vector.SS, Vector.GP))
            with m.Case(FaultClass.GP_CODE):
                m.d.comb += self.vector.eq(Vector.GP)
            with m.Case(FaultClass.TS_CODE):
                m.d.comb += self.vector.eq(Vector.TS)
            with m.Case(FaultClass.SS_CODE):
                m.d.comb += self.vector.eq(Vector.SS)
            with m.Case(FaultClass.NP_CODE):
                m.d.comb += self.vector.eq(Vector.NP)
        return m
