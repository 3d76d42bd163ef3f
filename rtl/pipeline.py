"""From decoded instruction to retirement: wires sequencer, issue, the stages A, M, X, W, registers, trap unit and seam. Wiring only."""

from amaranth import Cat, Module, Mux
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.registers import Mode
from rtl.decode.decoded import Decoded
from rtl.execute.maintenance_order import MaintenanceOrder
from rtl.execute.stage import ExecuteStage
from rtl.fetch.port import FetchContext, RedirectSignature
from rtl.memory.port import AccessSignature, MaintenanceSignature
from rtl.memory.stage import MemoryStage
from rtl.microcode.assembler import Rom
from rtl.microcode.issue import Issue
from rtl.microcode.rom import MicrocodeRom
from rtl.microcode.sequencer import Sequencer
from rtl.microcode.uop import InterceptPoint, Unit
from rtl.registers.control import ControlRegisters
from rtl.registers.debug import DebugRegisters
from rtl.registers.general import GeneralRegisters
from rtl.retire.instruction import InstructionRegister
from rtl.retire.port import RetirePort
from rtl.retire.recorder import Recorder
from rtl.retire.view import CoreView
from rtl.retire.writeback import Writeback
from rtl.seam import SeamSignature
from rtl.segment.address import AddressStage
from rtl.segment.registers import SegmentRegisters
from rtl.trap.breakpoints import Breakpoints
from rtl.trap.events import Events
from rtl.trap.unit import TrapUnit

__all__ = ["Pipeline"]


class Pipeline(wiring.Component):
    """``decoded.ready`` while nothing is valid says that the pipeline is empty; ``context`` is sampled when ``redirect`` is valid."""

    decoded: In(stream.Signature(Decoded))
    stale: In(1)
    redirect: Out(RedirectSignature())
    context: Out(FetchContext)
    access: Out(AccessSignature())
    maintenance: Out(MaintenanceSignature())
    seam: In(SeamSignature())
    intr: In(1)
    nmi: In(1)
    init: In(1)
    shutdown: Out(1)
    retire: Out(RetirePort)
    view: Out(CoreView)
    mode: Out(Mode)
    cr0: Out(32)
    cr3: Out(32)

    def __init__(self, rom: Rom) -> None:
        self._rom = rom
        super().__init__()

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.rom = self.rom = MicrocodeRom(self._rom)
        m.submodules.sequencer = self.sequencer = Sequencer(self._rom.labels)
        m.submodules.issue = self.issue = Issue()
        m.submodules.instruction = self.instruction = InstructionRegister()
        m.submodules.general = self.general = GeneralRegisters()
        m.submodules.control = self.control = ControlRegisters()
        m.submodules.debug = self.debug = DebugRegisters()
        m.submodules.segments = self.segments = SegmentRegisters()
        m.submodules.a = self.a = AddressStage()
        m.submodules.m = self.m = MemoryStage()
        m.submodules.x = self.x = ExecuteStage()
        m.submodules.w = self.w = Writeback()
        m.submodules.trap = self.trap = TrapUnit()
        m.submodules.events = self.events = Events(self._rom.labels)
        m.submodules.breakpoints = self.breakpoints = Breakpoints()
        m.submodules.upkeep = self.upkeep = MaintenanceOrder()
        m.submodules.recorder = self.recorder = Recorder()
        self._wire_sequencer(m)
        self._wire_front(m)
        self._wire_stages(m)
        self._wire_special_registers(m)
        self._wire_traps(m)
        self._wire_breakpoints(m)
        self._wire_seam(m)
        self._wire_retire(m)
        return m

    def _wire_sequencer(self, m: Module) -> None:
        s, x, seam = self.sequencer, self.x, self.seam
        m.d.comb += [
            self.rom.enable.eq(s.rom_enable), self.rom.address.eq(s.rom_address),
            s.resolved.eq(self.issue.resolved), s.operation.eq(self.issue.operation),
            s.ready.eq(self.segments.ready), s.address_fault.eq(self.a.fault), s.accepted.eq(self.m.accepted),
            s.done.eq(self.m.done), s.access_fault.eq(self.m.fault), s.executed.eq(x.executed & self.m.ready),
            s.execute_fault.eq(x.fault), s.condition.eq(x.condition), s.halt.eq(x.halt),
            s.settled.eq(x.settled & self.m.settled & ~self.instruction.astray),
            s.intercepted.eq(seam.point_valid & seam.take), s.intercept_target.eq(seam.target), s.idle.eq(self.access.idle),
            s.decoded_valid.eq(self.decoded.valid), s.decoded_fault.eq(self.decoded.payload.fault.valid),
            s.entry.eq(self.decoded.payload.entry),
            s.event_take.eq(seam.event_take), s.event_target.eq(seam.event_target), s.wake.eq(seam.wake), s.stale.eq(self.stale),
            s.redirect_wanted.eq(self.instruction.redirect),
            s.raised_take.eq(seam.raised_take), s.raised_target.eq(seam.raised_target), s.again.eq(self.trap.again),
            s.dead.eq(self.trap.dead), s.deliver.eq(self.trap.deliver), self.shutdown.eq(s.shutdown),
        ]  # fmt: skip

    def _wire_front(self, m: Module) -> None:
        s, i, x, control, segments = self.sequencer, self.instruction, self.x, self.control, self.segments
        m.d.comb += [
            self.decoded.ready.eq(s.take), self.redirect.valid.eq(s.redirect), self.redirect.eip.eq(i.eip),
            self.context.cs_base.eq(segments.cs.base), self.context.cs_limit.eq(segments.cs.limit), self.context.mode.eq(control.mode),
            self.context.cr3.eq(control.cr3), self.context.asid.eq(self.seam.asid), self.context.ring_minus_1.eq(self.seam.ring_minus_1),
            i.decoded.eq(self.decoded.payload), i.dispatch.eq(s.dispatch), i.ended.eq(s.ended), i.interrupted.eq(s.interrupted),
            i.event.eq(s.event), i.finish.eq(s.finish), i.branch.eq(x.branch), i.target.eq(x.target),
            i.prediction.eq(self.issue.operation.prediction),
            i.refetch.eq(s.finish & self.issue.operation.refetch), i.redirected.eq(s.redirect), i.trap_flag.eq(control.eflags.tf),
            i.no_step.eq((s.finish & x.no_step) | self.trap.delivered), i.load_of_ss.eq(s.finish & x.no_step),
        ]  # fmt: skip

    def _wire_stages(self, m: Module) -> None:
        s, i, issue, control, general, segments = (
            self.sequencer, self.instruction, self.issue, self.control, self.general, self.segments,
        )  # fmt: skip
        a, mem, x, w, trap, seam = self.a, self.m, self.x, self.w, self.trap, self.seam
        op = issue.operation
        wiring.connect(m, mem.access, wiring.flipped(self.access))
        m.d.comb += [
            issue.template.eq(self.rom.template), issue.instruction.eq(i.current), issue.gpr.eq(general.gpr),
            issue.temporary.eq(general.temporary), issue.eip.eq(i.eip), issue.next_eip.eq(i.next_eip),
            issue.direction.eq(control.eflags.df), issue.stack32.eq(control.mode.stack32),
            issue.new_stack32.eq(segments.scratch.attributes.db), issue.latch.eq(s.issue),
            # A
            a.valid.eq(s.stage_address), a.parts.eq(op.parts), a.memory.eq(op.memory), a.size.eq(op.size),
            a.fault_class.eq(op.fault_class), a.fault_code.eq(trap.fault_code), a.protected.eq(control.mode.pe),
            segments.segment.eq(a.segment), a.register.eq(segments.current),
            # M
            mem.operation.eq(op), mem.linear.eq(a.linear), mem.paging.eq(control.mode.pg), mem.cpl.eq(control.mode.cpl),
            mem.alignment_check.eq(control.alignment_check),
            mem.request.eq(s.stage_address & ~a.fault & a.accesses), mem.waiting.eq(s.stage_memory),
            mem.finish.eq(s.finish), mem.squash.eq(s.squash), mem.result.eq(x.result),
            # X
            x.valid.eq(s.stage_execute), x.first.eq(s.first_execute), x.operation.eq(op), x.offset.eq(a.held), x.loaded.eq(mem.loaded),
            x.instruction.eq(i.current), x.target_segment.eq(i.target_segment), x.eflags.eq(control.eflags), x.mode.eq(control.mode),
            x.cs_limit.eq(segments.cs.limit), x.scratch.eq(segments.scratch),
            x.event_has_error.eq(trap.event_has_error), x.event_software.eq(trap.event_software),
            x.extension_condition.eq(seam.condition), x.extension_result.eq(seam.unit_result), x.maintenance_done.eq(self.upkeep.done),
            # W
            w.finish.eq(s.finish), w.operation.eq(op), w.offset.eq(a.held), w.result.eq(x.result), w.esp.eq(general.esp),
            general.write.eq(w.write), general.write_temporary.eq(w.temporary), general.write_index.eq(w.index),
            general.write_data.eq(w.data), general.write_lanes.eq(w.lanes), general.esp_write.eq(w.esp_write),
            general.esp_data.eq(w.esp_data), general.settle.eq(s.ended | (s.finish & op.commit)), general.undo.eq(s.resolve),
            segments.load.eq(Mux(s.finish, x.segment_write, 0)), segments.load_segment.eq(x.segment_number),
            segments.load_data.eq(x.segment_data),
        ]  # fmt: skip

    def _wire_special_registers(self, m: Module) -> None:
        s, x, control, segments, trap, i = self.sequencer, self.x, self.control, self.segments, self.trap, self.instruction
        debug = self.debug
        writes = s.finish & x.special_write
        for it in (control, debug, segments, trap, i):
            m.d.comb += [it.number.eq(x.number), it.write.eq(writes), it.data.eq(x.b)]
        m.d.comb += [
            x.special_value.eq(control.value | debug.value | segments.value | trap.value | i.value | self.seam.special_read),
            control.read.eq(s.finish & x.special_read), control.flags_write.eq(s.finish & x.flags_write), control.flags_data.eq(x.flags),
            control.shadow_set.eq(s.finish & x.shadow), control.nmi_mask.eq(trap.nmi_taken), control.ended.eq(s.ended),
            control.interrupted.eq(s.interrupted), control.resume_loaded.eq(s.finish & x.resume),
            control.resume_write.eq(trap.resume_write), control.resume.eq(trap.resume),
            control.between.eq(s.boundary), control.fault_write.eq(trap.cr2_write), control.fault_address.eq(trap.fault_address),
            control.tsc_offset.eq(self.seam.tsc_offset), control.code32.eq(segments.cs.attributes.db),
            control.stack32.eq(segments.ss.attributes.db),
            self.mode.eq(control.mode), self.cr0.eq(control.cr0), self.cr3.eq(control.cr3),
            self.upkeep.wanted.eq(x.maintenance & s.stage_execute & ~s.intercepted), self.upkeep.number.eq(x.number),
            self.upkeep.operand.eq(x.b),
        ]  # fmt: skip
        wiring.connect(m, self.upkeep.port, wiring.flipped(self.maintenance))

    def _wire_traps(self, m: Module) -> None:
        s, i, a, x, trap, control, events = self.sequencer, self.instruction, self.a, self.x, self.trap, self.control, self.events
        answer = self.access.result
        m.d.comb += [
            trap.decode_valid.eq(s.dispatch & self.decoded.payload.fault.valid), trap.decode_fault.eq(self.decoded.payload.fault),
            trap.address_valid.eq(s.stage_address & a.fault), trap.address_vector.eq(a.vector), trap.address_error.eq(a.error),
            trap.access_valid.eq(s.stage_memory & s.squash), trap.access_alignment.eq(answer.alignment),
            trap.access_error.eq(answer.error), trap.access_address.eq(answer.fault_address),
            trap.execute_valid.eq(s.stage_execute & s.squash & ~s.intercepted), trap.execute_fault.eq(x.fault_data),
            trap.resolve.eq(s.resolve), trap.taken.eq(self.seam.raised_take), trap.eip.eq(i.eip), trap.next_eip.eq(i.next_eip),
            trap.fn_valid.eq(s.finish & (self.issue.operation.unit == Unit.TRAP)), trap.fn.eq(self.issue.operation.fn), trap.b.eq(x.b),
            events.intr.eq(self.intr), events.nmi.eq(self.nmi), events.init.eq(self.init),
            events.interrupt_flag.eq(control.eflags.if_), events.shadow.eq(control.shadow_now),
            events.nmi_masked.eq(control.nmi_masked), events.debug_trap.eq(i.stepped | (self.breakpoints.trap & ~i.quiet)),
            events.nmi_taken.eq(trap.nmi_taken), events.init_taken.eq(trap.init_taken),
            events.entered.eq(s.event & ~s.breakpoint_take), events.target.eq(self.seam.event_target),
        ]  # fmt: skip

    def _wire_breakpoints(self, m: Module) -> None:
        s, i, control, debug, b = self.sequencer, self.instruction, self.control, self.debug, self.breakpoints
        told = self.events.debug_taken
        m.d.comb += [
            b.addresses.eq(debug.addresses), b.control.eq(debug.control), b.ports.eq(control.debug_extensions),
            b.off.eq(self.seam.breakpoints_off), b.access_valid.eq(self.m.watched), b.access.eq(self.m.watch),
            b.boundary.eq(s.boundary), b.linear.eq(self.segments.cs.base + i.eip), b.covered.eq(control.eflags.rf | i.quiet),
            b.forget.eq(s.resolve | told), s.armed.eq(b.armed), s.held.eq(b.held), s.breakpoint.eq(b.fault),
            debug.report.eq(told | s.breakpoint_take), debug.met.eq(b.met | b.at),
            debug.stepped.eq(told & i.stepped), debug.entered.eq(self.trap.debug),
        ]  # fmt: skip

    def _wire_seam(self, m: Module) -> None:
        s, x, seam, control = self.sequencer, self.x, self.seam, self.control
        op = self.issue.operation
        m.d.comb += [
            seam.point_valid.eq(s.stage_execute & (op.intercept != InterceptPoint.NONE)), seam.point.eq(op.intercept),
            seam.decoded.eq(self.instruction.current), seam.a.eq(x.a), seam.b.eq(x.b), seam.constant.eq(op.constant),
            seam.raised_valid.eq(s.resolve), seam.raised.eq(self.trap.raised),
            seam.pending.eq(self.events.pending), seam.default_take.eq(self.events.take),
            seam.default_target.eq(self.events.default_target),
            seam.special_number.eq(x.number), seam.special_write.eq(s.finish & x.special_write), seam.special_data.eq(x.b),
            seam.unit_valid.eq(s.finish & (op.unit == Unit.EXTENSION)), seam.unit_fn.eq(op.fn), seam.boundary.eq(s.ended),
            seam.mode.eq(control.mode), seam.eflags.eq(control.eflags), seam.cr0.eq(control.cr0),
        ]  # fmt: skip

    def _wire_retire(self, m: Module) -> None:
        s, i, r, control = self.sequencer, self.instruction, self.recorder, self.control
        cs = self.segments.cs
        m.d.comb += [
            r.begins.eq(s.dispatch | s.event), r.ended.eq(s.ended & s.active),
            r.iteration.eq(s.finish & s.active & self.issue.operation.commit & ~s.ended), r.delivered.eq(self.trap.delivered),
            r.vector.eq(self.trap.event_vector), r.instruction.eq(i.current), r.eip.eq(i.eip), r.next_eip.eq(i.eip),
            r.cs.eq(cs.selector), r.cs_base.eq(cs.base), r.gpr.eq(self.general.gpr), r.eflags.eq(control.eflags),
            r.mode.eq(control.mode), r.access.eq(self.m.record), r.asid.eq(self.seam.asid), r.context.eq(self.seam.context),
            self.retire[0].eq(r.record),
            self.view.eip.eq(i.eip), self.view.micro_op.eq(s.address), self.view.mode.eq(control.mode), self.view.cr3.eq(control.cr3),
            self.view.stage.eq(Cat(s.boundary, s.issue, s.stage_address, s.stage_memory, s.stage_execute)),
            self.view.asid.eq(self.seam.asid), self.view.context.eq(self.seam.context),
        ]  # fmt: skip
