"""Stage X: the function units, the choice among their results, conditions and the faults found here.

``executed`` says that the result stands in this cycle; the sequencer then lets the micro-op take effect, or squashes it. Nothing here
writes anything but the units' own latches.
"""

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.exceptions import HAS_ERROR_CODE, Vector
from rtl.arch.flags import Eflags
from rtl.arch.registers import Mode
from rtl.decode.decoded import Decoded
from rtl.execute.alu import AluUnit
from rtl.execute.bcd import BcdUnit
from rtl.execute.bits import BitsUnit
from rtl.execute.branch import BranchUnit
from rtl.execute.condition import ConditionUnit
from rtl.execute.flags import ArithmeticFlags, FlagMerge, arithmetic_of
from rtl.execute.muldiv import MulDivUnit
from rtl.execute.operand import cut
from rtl.execute.shift import ShiftUnit
from rtl.execute.special import SpecialUnit
from rtl.microcode.operation import Operand, Operation
from rtl.microcode.uop import FlagGroup, Trap, Unit
from rtl.segment.descriptor import SegmentationUnit
from rtl.segment.registers import FIELDS, SegmentRegister
from rtl.trap.fault import Fault

__all__ = ["ExecuteStage"]

SOFTWARE_VECTORS = (Vector.BP, Vector.OF, Vector.BR)


class ExecuteStage(wiring.Component):
    """See the module's text."""

    valid: In(1)
    first: In(1)
    operation: In(Operation)
    offset: In(32)  # from A
    loaded: In(32)  # from M
    instruction: In(Decoded)
    target_segment: In(4)
    eflags: In(Eflags)
    mode: In(Mode)
    cs_limit: In(32)
    scratch: In(SegmentRegister)
    event_has_error: In(1)
    event_software: In(1)
    extension_condition: In(1)
    extension_result: In(32)
    maintenance_done: In(1)
    # special registers
    number: Out(8)
    special_value: In(32)
    special_read: Out(1)
    special_write: Out(1)
    maintenance: Out(1)
    # segment registers
    segment_write: Out(len(FIELDS))
    segment_number: Out(4)
    segment_data: Out(SegmentRegister)
    # results
    a: Out(32)
    b: Out(32)
    executed: Out(1)
    result: Out(32)
    condition: Out(1)
    flags_write: Out(1)
    flags: Out(Eflags)
    resume: Out(1)  # RF is among them by name
    shadow: Out(1)
    no_step: Out(1)
    halt: Out(1)
    branch: Out(1)
    target: Out(32)
    settled: Out(1)  # nothing but NEXT_EIP is written on which events or fetching depend
    fault: Out(1)
    fault_data: Out(Fault)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        op = self.operation
        unit = op.unit

        def source(operand: Operand) -> Mux:
            return cut(Mux(operand.memory, self.loaded, Mux(operand.address, self.offset, operand.value)), op.width)

        m.d.comb += [self.a.eq(source(op.a)), self.b.eq(source(op.b))]
        flags_in = Signal(ArithmeticFlags)
        m.d.comb += [getattr(flags_in, name).eq(value) for name, value in arithmetic_of(self.eflags).items()]

        m.submodules.alu = alu = AluUnit()
        m.submodules.shift = shift = ShiftUnit()
        m.submodules.bits = bits = BitsUnit()
        m.submodules.bcd = bcd = BcdUnit()
        m.submodules.muldiv = muldiv = MulDivUnit()
        m.submodules.special = special = SpecialUnit()
        m.submodules.segmentation = segmentation = SegmentationUnit()
        m.submodules.branch = branch = BranchUnit()
        m.submodules.condition = condition = ConditionUnit()
        m.submodules.merge = merge = FlagMerge()
        for it in (alu, shift, bits, bcd, muldiv, special, segmentation, branch):
            m.d.comb += it.fn.eq(op.fn)
            for name in ("a", "b"):
                if name in it.signature.members:
                    m.d.comb += getattr(it, name).eq(getattr(self, name))
            for name, value in (("width", op.width), ("c", op.c), ("flags_in", flags_in)):
                if name in it.signature.members:
                    m.d.comb += getattr(it, name).eq(value)
        m.d.comb += [
            alu.condition.eq(condition.holds_before),
            muldiv.start.eq(self.valid & self.first & (unit == Unit.MULDIV)),
            special.valid.eq(self.valid & (unit == Unit.SPECIAL)), special.constant.eq(op.constant[:8]),
            special.target_segment.eq(self.target_segment), special.eflags.eq(self.eflags), special.value.eq(self.special_value),
            segmentation.named.eq(op.constant[:4]), segmentation.target.eq(self.target_segment), segmentation.cpl.eq(self.mode.cpl),
            segmentation.scratch.eq(self.scratch),
            branch.operand32.eq(self.instruction.operand32), branch.limit.eq(self.cs_limit), branch.scratch_limit.eq(self.scratch.limit),
            self.number.eq(special.number), self.special_read.eq(special.read), self.special_write.eq(special.write),
            self.maintenance.eq(special.maintenance),
            self.segment_number.eq(segmentation.segment), self.segment_data.eq(segmentation.data),
            self.segment_write.eq(Mux(unit == Unit.SEGMENTATION, segmentation.write, 0)),
            self.resume.eq(special.resume), self.shadow.eq(special.shadow), self.no_step.eq(special.no_step), self.halt.eq(special.halt),
        ]  # fmt: skip

        self._results(m, {Unit.ALU: alu, Unit.SHIFT: shift, Unit.BITS: bits, Unit.BCD: bcd, Unit.MULDIV: muldiv},
                      {Unit.SPECIAL: special.result, Unit.SEGMENTATION: segmentation.result, Unit.EXTENSION: self.extension_result},
                      condition, merge)  # fmt: skip
        m.d.comb += [
            condition.condition.eq(op.condition), condition.eflags.eq(self.eflags), condition.mode.eq(self.mode),
            condition.opcode.eq(self.instruction.opcode), condition.rep.eq(self.instruction.rep),
            condition.operand32.eq(self.instruction.operand32), condition.address32.eq(self.instruction.address32),
            condition.event_has_error.eq(self.event_has_error), condition.event_software.eq(self.event_software),
            condition.extension.eq(self.extension_condition),
            self.condition.eq(condition.holds),
            merge.group.eq(op.flags), merge.eflags.eq(self.eflags),
            self.flags_write.eq((op.flags != FlagGroup.NONE) | special.flags_write),
            self.flags.eq(Mux(special.flags_write, special.flags, merge.result)),
            self.branch.eq((unit == Unit.BRANCH) & branch.jumps & condition.holds), self.target.eq(branch.target),
        ]  # fmt: skip

        with m.Switch(unit):
            with m.Case(Unit.MULDIV):
                m.d.comb += self.executed.eq(muldiv.done)
            with m.Case(Unit.SPECIAL):
                m.d.comb += self.executed.eq(~special.maintenance | self.maintenance_done)
            with m.Default():
                m.d.comb += self.executed.eq(1)
        acts = (unit == Unit.SPECIAL) | (unit == Unit.SEGMENTATION) | (unit == Unit.TRAP) | (unit == Unit.EXTENSION)
        m.d.comb += self.settled.eq(~acts & ~op.refetch)
        self._faults(m, branch, muldiv)
        return m

    def _results(self, m: Module, arithmetic: dict[Unit, Any], others: dict[Unit, Any], condition: ConditionUnit, merge: FlagMerge) -> None:
        """Chooses the result, and the flags that conditions and EFLAGS see; other units than these have flags by their result."""
        flags, mask = Signal(ArithmeticFlags), Signal(ArithmeticFlags)
        with m.Switch(self.operation.unit):
            for unit, it in arithmetic.items():
                with m.Case(unit):
                    m.d.comb += [self.result.eq(it.result), flags.eq(it.flags), mask.eq(it.flags_mask)]
            for unit, result in others.items():
                with m.Case(unit):
                    m.d.comb += [self.result.eq(result), flags.zf.eq(result == 0), flags.sf.eq(result[31])]
        m.d.comb += [condition.result_flags.eq(flags), merge.value.eq(flags), merge.mask.eq(mask)]

    def _faults(self, m: Module, branch: BranchUnit, muldiv: MulDivUnit) -> None:
        """#DE, a jump beyond the limit, and what Unit.TRAP raises."""
        op, fault = self.operation, self.fault_data
        vector = op.constant[:8]
        with m.Switch(op.unit):
            with m.Case(Unit.MULDIV):
                m.d.comb += [self.fault.eq(muldiv.done & muldiv.divide_error), fault.vector.eq(Vector.DE)]
            with m.Case(Unit.BRANCH):
                m.d.comb += [self.fault.eq(branch.outside & self.condition), fault.vector.eq(Vector.GP)]
            with m.Case(Unit.TRAP):
                m.d.comb += [
                    fault.vector.eq(vector), fault.error.eq(Mux(vector.matches(*HAS_ERROR_CODE), self.b, 0)),
                    fault.software.eq(vector.matches(*SOFTWARE_VECTORS)),
                    fault.icebp.eq((op.fn == Trap.TRAP_EXCEPTION) & (vector == Vector.DB)),
                    fault.after.eq(op.fn == Trap.TRAP_EXCEPTION), fault.shutdown.eq(op.fn == Trap.SHUTDOWN),
                ]  # fmt: skip
                raises = (op.fn == Trap.RAISE) | (op.fn == Trap.TRAP_EXCEPTION) | (op.fn == Trap.SHUTDOWN)
                m.d.comb += self.fault.eq(raises & self.condition)
