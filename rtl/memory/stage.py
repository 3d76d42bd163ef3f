"""Stage M: asks the memory unit for the access that stage A has addressed, keeps what comes back, and in W commits or cancels.

``loaded`` stays until the next load (Source.MEM). A load needs no commit; STORE, READ_MODIFY_WRITE, PROBE_WRITE, OUT and
SPECIAL_CYCLE do, or a cancel.
"""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.registers import Segment
from rtl.memory.alignment import is_misaligned
from rtl.memory.port import AccessKind, AccessSignature
from rtl.microcode.operation import Operation
from rtl.microcode.uop import BUS_ONLY, Memory
from rtl.retire.port import AccessRecord
from rtl.trap.breakpoints import WatchedAccess

__all__ = ["MemoryStage"]

USER = 3  # CPL of user accesses
_KINDS = {
    Memory.LOAD: AccessKind.LOAD, Memory.STORE: AccessKind.STORE, Memory.READ_MODIFY_WRITE: AccessKind.READ_MODIFY_WRITE,
    Memory.PROBE_WRITE: AccessKind.STORE, Memory.IN: AccessKind.IN, Memory.OUT: AccessKind.OUT, Memory.ACKNOWLEDGE: AccessKind.ACKNOWLEDGE,
    Memory.SPECIAL_CYCLE: AccessKind.SPECIAL_CYCLE,
}  # fmt: skip


class MemoryStage(wiring.Component):
    """``request`` holds while the micro-op is in A without a fault of its segment; ``waiting`` while it is in M."""

    access: Out(AccessSignature())
    operation: In(Operation)
    linear: In(32)
    paging: In(1)
    cpl: In(2)
    alignment_check: In(1)  # CR0.AM and EFLAGS.AC ask for it
    request: In(1)
    waiting: In(1)
    accepted: Out(1)
    done: Out(1)
    fault: Out(1)
    finish: In(1)  # the micro-op takes effect
    squash: In(1)  # it does not
    result: In(32)
    loaded: Out(32)
    ready: Out(1)  # a commit can be taken, if the micro-op in X needs one
    settled: Out(1)  # no store is made in this cycle
    record: Out(AccessRecord)  # of an access completed in the cycle before
    watched: Out(1)  # so is an access of which a breakpoint can be
    watch: Out(WatchedAccess)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        op, access, answer = self.operation, self.access, self.access.result
        reads, writes, pending = Signal(), Signal(), Signal()
        io = op.memory.as_value().matches(*BUS_ONLY)
        probe = op.memory == Memory.PROBE_WRITE
        m.d.comb += [
            reads.eq(op.memory.as_value().matches(Memory.LOAD, Memory.READ_MODIFY_WRITE, Memory.IN, Memory.ACKNOWLEDGE)),
            writes.eq(op.memory.as_value().matches(Memory.STORE, Memory.READ_MODIFY_WRITE, Memory.OUT, Memory.SPECIAL_CYCLE)),
        ]
        user = ~op.supervisor & (self.cpl == USER)
        linear_address = ~io & (op.parts.segment != Segment.PHYSICAL)
        translate = self.paging & linear_address
        misaligned = is_misaligned(m, self.linear, op.size, op.alignment)
        with m.Switch(op.memory):
            for memory, kind in _KINDS.items():
                with m.Case(memory):
                    m.d.comb += access.request.kind.eq(kind)
        m.d.comb += [
            access.valid.eq(self.request), access.request.linear.eq(self.linear), access.request.size.eq(op.size),
            access.request.translate.eq(translate), access.request.user.eq(user), access.request.lock.eq(op.lock),
            access.request.misaligned.eq(self.alignment_check & user & linear_address & misaligned),
            self.accepted.eq(access.ready), self.done.eq(self.waiting & access.done), self.fault.eq(answer.fault),
        ]  # fmt: skip
        linear, physical, physical_last = Signal(32), Signal(32), Signal(32)
        with m.If(self.request):
            m.d.sync += linear.eq(self.linear)
        with m.If(self.done & ~answer.fault):
            m.d.sync += [pending.eq(writes | probe), physical.eq(answer.physical), physical_last.eq(answer.physical_last)]
            with m.If(reads):
                m.d.sync += self.loaded.eq(answer.data)
        ends = self.finish | self.squash
        m.d.comb += [
            self.ready.eq(~pending | probe | ~access.busy),
            access.commit.eq(pending & self.finish & ~probe), access.cancel.eq(pending & (self.squash | (self.finish & probe))),
            access.store_data.eq(self.result), self.settled.eq(~pending),
        ]  # fmt: skip
        with m.If(ends):
            m.d.sync += pending.eq(0)

        ports = op.memory.as_value().matches(Memory.IN, Memory.OUT)
        m.d.sync += self.watched.eq(self.finish & (ports | (linear_address & (reads | writes))))
        m.d.comb += [
            self.watch.linear.eq(self.record.linear), self.watch.size.eq(self.record.size), self.watch.write.eq(self.record.write),
            self.watch.io.eq(self.record.io),
        ]  # fmt: skip
        r = self.record
        m.d.sync += r.valid.eq(self.finish & (op.memory != Memory.NONE) & (op.memory != Memory.SPECIAL_CYCLE) & ~probe)
        with m.If(self.finish):
            m.d.sync += [
                r.read.eq(reads), r.write.eq(writes), r.io.eq(io), r.supervisor.eq(op.supervisor), r.translated.eq(translate),
                r.size.eq(op.size), r.linear.eq(linear), r.physical.eq(physical), r.physical_last.eq(physical_last),
                r.read_data.eq(self.loaded), r.write_data.eq(Mux(writes, self.result, 0)),
            ]  # fmt: skip
        return m
