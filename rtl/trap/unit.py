"""The trap unit: the event in delivery, and what becomes of a fault (Intel SDM vol. 3, 6.15; AMD64 APM vol. 2, 15.12).

A fault is latched in the cycle of its ``*_fault`` line; the sequencer then spends one cycle or more in ``resolve``:

1. the extension is asked, with EVENT still showing the event in delivery; if it takes the fault nothing else happens;
2. CR2 is written by a page fault;
3. during the delivery of an exception the two combine: #DF(0), about which the extension is asked again (``again``), or a shutdown,
   about which it is asked too and which otherwise stops the processor (``dead``). A benign second exception takes the first one's
   place, even #DF's (table 6-5); the only one that a delivery can raise is #AC, where it pushes onto a stack of CPL 3;
4. else EVENT, EVENT_ERROR and RETURN_EIP are set and ``deliver`` sends the sequencer to the delivery program.

RF in the frame (SDM vol. 3, 17.3.1.1): set for a fault but #DB, clear for what software asks for, else as it is in EFLAGS.

EXT (bit 0 of the error code) is set when #TS, #NP, #SS or #GP arises in the delivery of an event that software did not ask for.
"""

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.exceptions import CONTRIBUTORY, HAS_ERROR_CODE, Vector
from rtl.arch.special import Special
from rtl.decode.decoded import FetchFault
from rtl.microcode.uop import Trap
from rtl.seam import RaisedEvent
from rtl.trap.fault import Fault

__all__ = ["EventType", "TrapUnit"]


class EventType:
    """Types in EVENT (AMD64 APM vol. 2, EVENTINJ)."""

    INTERRUPT = 0
    NMI = 2
    EXCEPTION = 3
    SOFTWARE = 4


_SELECTOR_FAULTS = (Vector.TS, Vector.NP, Vector.SS, Vector.GP)


class TrapUnit(wiring.Component):
    """Special registers 50h–54h are read by ``number`` and written with ``write``; ``fn`` with ``fn_valid`` is a micro-op of Unit.TRAP."""

    # faults, at most one in a cycle
    decode_valid: In(1)
    decode_fault: In(FetchFault)
    address_valid: In(1)
    address_vector: In(Vector)
    address_error: In(16)
    access_valid: In(1)  # a page fault, or ...
    access_alignment: In(1)  # ... #AC, whose error code is always 0
    access_error: In(4)
    access_address: In(32)
    execute_valid: In(1)
    execute_fault: In(Fault)
    # resolution
    resolve: In(1)
    raised: Out(RaisedEvent)
    taken: In(1)
    again: Out(1)
    dead: Out(1)
    deliver: Out(1)
    cr2_write: Out(1)
    fault_address: Out(32)
    eip: In(32)
    next_eip: In(32)
    # micro-ops
    fn_valid: In(1)
    fn: In(5)
    b: In(32)
    number: In(8)
    value: Out(32)
    write: In(1)
    data: In(32)
    fault_code: Out(16)
    nmi_taken: Out(1)
    init_taken: Out(1)
    # conditions and the retire port
    event_vector: Out(8)
    event_valid: Out(1)
    event_software: Out(1)
    event_has_error: Out(1)
    delivered: Out(1)
    # the debug registers, and EFLAGS.RF as the frame is to have it
    debug: Out(1)  # a #DB is raised
    resume_write: Out(1)
    resume: Out(1)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        vector, kind, has_error, valid = Signal(8), Signal(3), Signal(), Signal()
        error, address, return_eip = Signal(32), Signal(32), Signal(32)
        code = Signal(16)
        fault = Signal(Fault)

        exception = kind == EventType.EXCEPTION
        breakpoint_ = exception & ((vector == Vector.BP) | (vector == Vector.OF))
        m.d.comb += [
            self.event_vector.eq(vector), self.event_valid.eq(valid), self.event_has_error.eq(has_error),
            self.event_software.eq((kind == EventType.SOFTWARE) | breakpoint_), self.fault_code.eq(code), self.fault_address.eq(address),
        ]  # fmt: skip

        self._latch(m, fault, valid & ~self.event_software)
        with m.If(self.access_valid & ~self.access_alignment):
            m.d.sync += address.eq(self.access_address)
        with m.If(self.decode_valid & (self.decode_fault.vector == Vector.PF)):
            m.d.sync += address.eq(self.decode_fault.address)

        # what it combines to
        page_fault = fault.vector == Vector.PF
        contributory = fault.vector.matches(*CONTRIBUTORY)
        first_contributory = vector.matches(*CONTRIBUTORY)
        merging = valid & exception & ~fault.after & ~fault.shutdown & (fault.vector != Vector.DF)
        double = merging & ((first_contributory & contributory) | ((vector == Vector.PF) & (contributory | page_fault)))
        triple = merging & (vector == Vector.DF) & (contributory | page_fault)
        carries_error = Signal()
        m.d.comb += carries_error.eq(fault.vector.matches(*HAS_ERROR_CODE))
        m.d.comb += [
            self.raised.word.eq(Cat(fault.vector, Const(EventType.EXCEPTION, 3), carries_error, Const(0, 19), Const(1, 1))),
            self.raised.error.eq(fault.error), self.raised.address.eq(address),
            self.raised.shutdown.eq(fault.shutdown), self.raised.software.eq(fault.software),
            self.raised.icebp.eq(fault.icebp),
        ]  # fmt: skip
        m.d.comb += self.debug.eq(self.resolve & ~fault.shutdown & (fault.vector == Vector.DB))
        with m.If(self.resolve & ~self.taken):
            m.d.comb += self.cr2_write.eq(page_fault & ~fault.shutdown)
            with m.If(fault.shutdown):
                m.d.comb += self.dead.eq(1)
            with m.Elif(triple):
                m.d.comb += self.again.eq(1)
                m.d.sync += fault.shutdown.eq(1)
            with m.Elif(double):
                m.d.comb += self.again.eq(1)
                m.d.sync += [fault.vector.eq(Vector.DF), fault.error.eq(0), fault.software.eq(0)]
            with m.Else():
                abort = fault.vector == Vector.DF
                m.d.comb += [
                    self.deliver.eq(1), self.resume.eq(~fault.after),
                    self.resume_write.eq(fault.after | ~(abort | (fault.vector == Vector.DB))),
                ]  # fmt: skip
                m.d.sync += [
                    valid.eq(1), kind.eq(EventType.EXCEPTION), vector.eq(fault.vector), has_error.eq(carries_error),
                    error.eq(fault.error), return_eip.eq(Mux(fault.after, self.next_eip, self.eip)),
                ]  # fmt: skip

        with m.If(self.fn_valid):
            with m.Switch(self.fn):
                with m.Case(Trap.DELIVERED):
                    m.d.comb += self.delivered.eq(1)
                    m.d.sync += valid.eq(0)
                with m.Case(Trap.SOFTWARE, Trap.INTERRUPT):
                    m.d.comb += self.resume_write.eq(self.fn == Trap.SOFTWARE)
                    m.d.sync += [
                        kind.eq(Mux(self.fn == Trap.SOFTWARE, EventType.SOFTWARE, EventType.INTERRUPT)), vector.eq(self.b[:8]),
                        has_error.eq(0), valid.eq(1), return_eip.eq(self.next_eip),
                    ]  # fmt: skip
                with m.Case(Trap.NMI):
                    m.d.comb += self.nmi_taken.eq(1)
                    m.d.sync += [
                        kind.eq(EventType.NMI), vector.eq(Vector.NMI), has_error.eq(0), valid.eq(1), return_eip.eq(self.next_eip),
                    ]  # fmt: skip
                with m.Case(Trap.INIT):
                    m.d.comb += self.init_taken.eq(1)

        word = Cat(vector, kind, has_error, Const(0, 19), valid)
        registers = ((Special.EVENT, word), (Special.EVENT_ERROR, error), (Special.FAULT_ADDRESS, address), (Special.FAULT_CODE, code),
                     (Special.RETURN_EIP, return_eip))  # fmt: skip
        with m.Switch(self.number):
            for number, register in registers:
                with m.Case(number):
                    m.d.comb += self.value.eq(register)
        with m.If(self.write):
            with m.Switch(self.number):
                with m.Case(Special.EVENT):
                    m.d.sync += [vector.eq(self.data[:8]), kind.eq(self.data[8:11]), has_error.eq(self.data[11]), valid.eq(self.data[31])]
                for number, register in registers[1:]:
                    with m.Case(number):
                        m.d.sync += register.eq(self.data)
        return m

    def _latch(self, m: Module, fault: Fault, external: Signal) -> None:
        """Takes the fault of the stage that reports one. ``external``: it arises in the delivery of an event not asked for by software."""
        new = Signal(Fault)
        with m.If(self.decode_valid):
            m.d.comb += [new.vector.eq(self.decode_fault.vector), new.error.eq(self.decode_fault.error)]
        with m.If(self.address_valid):
            m.d.comb += [new.vector.eq(self.address_vector), new.error.eq(self.address_error)]
        with m.If(self.access_valid):
            m.d.comb += [new.vector.eq(Vector.PF), new.error.eq(self.access_error)]
            with m.If(self.access_alignment):
                m.d.comb += [new.vector.eq(Vector.AC), new.error.eq(0)]
        with m.If(self.execute_valid):
            m.d.comb += new.eq(self.execute_fault)
        with m.If(self.decode_valid | self.address_valid | self.access_valid | self.execute_valid):
            m.d.sync += fault.eq(new)
            with m.If(new.vector.matches(*_SELECTOR_FAULTS) & external):
                m.d.sync += fault.error.eq(new.error | 1)
