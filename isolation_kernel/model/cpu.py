"""The model's processor in guest mode: entry and exit, events, and the script that it follows. It interprets no x86."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from contracts.architecture import Cr0, Cr4, Eflags, Exc, Gpr
from contracts.events import Event
from contracts.exit_codes import INVALID, ExitCode
from contracts.msr import Efer
from contracts.vmcb import EVENT_VALID, EventType, General1, General2, InterruptControl, TlbControl
from isolation_kernel.model import script as ops
from isolation_kernel.model.operations import Operations
from isolation_kernel.model.script import GuestException, Operation, Script
from isolation_kernel.model.state import Block, GuestState
from isolation_kernel.model.translation import VmExit

if TYPE_CHECKING:
    from isolation_kernel.model.machine import ModelMachine

__all__ = ["GuestCpu"]

_OPERATION_CYCLES = 10
_LAST_IN_PAGE = 0xF00


class GuestCpu(Operations):
    """One guest's script and where it stands."""

    def __init__(self, machine: "ModelMachine", script: Callable[[], Script]) -> None:
        super().__init__(machine)
        self._script = script()
        self._handlers: list[tuple[Script, bool]] = []  # interrupted scripts, and their IF
        self._saved: list[tuple[Operation | None, int, int, int]] = []
        self._operation: Operation | None = None
        self._started = False
        self._delivering = 0  # the event word while an event is being delivered
        self.interrupts: list[int] = []  # vectors taken
        self.exceptions: list[int] = []
        self.handlers: dict[int, Callable[[], Script]] = {}
        self.done = False

    # entry and exit

    def run(self, block: Block) -> None:
        """VMRUN until #VMEXIT."""
        machine = self._machine
        control = block.get("TLB_CONTROL")
        self.state = state = GuestState(block)
        self._delivering = 0
        try:
            self._check_entry(block)
            if control == TlbControl.ALL:
                machine.tlb.flush_all()
            elif control in (TlbControl.ASID, TlbControl.ASID_NON_GLOBAL):
                machine.tlb.flush_asid(state.asid, globals_too=control == TlbControl.ASID)
            self._inject(block)
            for _ in range(machine.operation_limit):
                self._boundary()
                self._step()
            machine.stuck()
        except VmExit as exit_:
            code = exit_
        state.store()
        block.put("EXITCODE", code.code)
        block.put("EXITINFO1", code.info1)
        block.put("EXITINFO2", code.info2)
        block.put("NRIP", code.nrip)
        block.put("EXITINTINFO", self._delivering)

    @staticmethod
    def _check_entry(block: Block) -> None:
        cr0 = block.get("CR0")
        bad = (
            not block.get("ASID") or not block.get("INTERCEPT_GENERAL2") & 1 << General2.VMRUN or not block.get("EFER") & Efer.SVME
            or cr0 & Cr0.NW and not cr0 & Cr0.CD or block.get("CR4") & ~int(Cr4.TSD | Cr4.PSE | Cr4.PGE)
        )  # fmt: skip
        if bad:
            raise VmExit(INVALID)

    # events

    def _inject(self, block: Block) -> None:
        word = block.get("EVENTINJ")
        block.put("EVENTINJ", word & ~EVENT_VALID)
        if event := Event.decode(word):
            self._deliver(event.vector, EventType(event.kind), event.error)

    def _deliver(self, vector: int, kind: EventType, error: int | None) -> None:
        """Deliver an event to the script; a fault on its gate exits with the event in EXITINTINFO."""
        state = self.state
        if state["IDTR_BASE"]:
            self._delivering = Event(vector, error, kind).word
            self.translate(state["IDTR_BASE"] + 8 * vector & 0xFFFF_FFFF, write=False, user=False)
            self._delivering = 0
        if self._misaligned:
            self._machine.advance(_OPERATION_CYCLES)
            self._delivering = Event(vector, error, kind).word
            raise VmExit(ExitCode.EXCEPTION + Exc.AC)
        if kind is EventType.EXCEPTION:
            self.exceptions.append(vector)
            self._throw(GuestException(vector, error, state["CR2"] if vector == Exc.PF else None))
            return
        self.interrupts.append(vector)
        if vector in self.handlers and self._started:
            self._handlers.append((self._script, bool(state["RFLAGS"] & Eflags.IF)))
            self._saved.append((self._operation, self._rip, self._length, state["RIP"]))
            self._script, self._operation, self._started = self.handlers[vector](), None, False
            state["RFLAGS"] &= ~int(Eflags.IF)

    def _throw(self, fault: GuestException) -> None:
        """The current operation is aborted."""
        if not self._started:
            raise VmExit(ExitCode.SHUTDOWN) if self._intercepts(General1.SHUTDOWN) else self._machine.platform_reset()
        try:
            self._operation = self._script.throw(fault)
            self._begin()
        except GuestException:  # no handler: a triple fault
            self.done = True
            if not self._intercepts(General1.SHUTDOWN):
                raise self._machine.platform_reset() from None
            raise VmExit(ExitCode.SHUTDOWN) from None
        except StopIteration:
            self._ended()

    def _boundary(self) -> None:
        """Between two instructions: physical, then virtual interrupts."""
        state, machine = self.state, self._machine
        machine.advance(_OPERATION_CYCLES)
        if self._interrupted() and self._intercepts(General1.INTR):
            raise VmExit(ExitCode.INTR)
        control = state["INT_CONTROL"]
        if control & InterruptControl.V_IRQ and state["RFLAGS"] & Eflags.IF and not state["INTERRUPT_SHADOW"] and state.gif:
            state["INT_CONTROL"] = control & ~int(InterruptControl.V_IRQ)
            self._deliver(state.block.get("INT_VECTOR"), EventType.INTR, None)

    # the script

    def _begin(self) -> None:
        """A new operation starts at the current RIP."""
        state = self.state
        if state["RIP"] & 0xFFF > _LAST_IN_PAGE:
            state["RIP"] &= ~0xFFF
        self._rip = state["RIP"]
        self._length = 1

    def _ended(self) -> None:
        if self._handlers:
            self._script, on = self._handlers.pop()
            self._operation, self._rip, self._length, self.state["RIP"] = self._saved.pop()
            self._started = True
            if on:
                self.state["RFLAGS"] |= Eflags.IF
            return
        self.done = True
        self._operation = ops.Halt()  # a script that is over halts for good
        self.state["RFLAGS"], self.state["CPL"] = self.state["RFLAGS"] & ~int(Eflags.IF), 0
        self._begin()

    def _next(self, result: object) -> None:
        try:
            if self._started:
                self._operation = self._script.send(result)
            else:
                self._started = True
                self._operation = next(self._script)
            self._begin()
        except StopIteration:
            self._ended()

    def _step(self) -> None:
        """Execute the current operation, or see that the kernel has done so."""
        state = self.state
        if self._operation is None:
            self._next(None)
        operation = self._operation
        assert operation is not None
        if state["RIP"] == self._rip + self._length and self._length > 1:
            self._next(self._result(operation))  # the kernel went on behind it
            return
        try:
            result = self._execute(operation)
        except GuestException as fault:
            if fault.cr2 is not None:
                state["CR2"] = fault.cr2
            self._deliver(fault.vector, EventType.EXCEPTION, fault.error)
            return
        if not isinstance(operation, ops.SetIf):
            state["INTERRUPT_SHADOW"] = 0
        if operation is self._operation:
            state["RIP"] = self._rip + self._length
            self._next(result)

    def _result(self, operation: Operation) -> object:
        r = self.state.registers
        if isinstance(operation, ops.Cpuid):
            return r[Gpr.EAX], r[Gpr.EBX], r[Gpr.ECX], r[Gpr.EDX]
        if isinstance(operation, ops.Rdtsc | ops.Rdmsr):
            return r[Gpr.EDX] << 32 | r[Gpr.EAX]
        if isinstance(operation, ops.Vmmcall):
            return r[Gpr.EAX] - (1 << 32) if r[Gpr.EAX] >> 31 else r[Gpr.EAX]
        if isinstance(operation, ops.In):
            return r[Gpr.EAX] & (1 << 8 * operation.size) - 1
        if isinstance(operation, ops.ReadCr | ops.Smsw):
            return r[Gpr.EAX]
        return None
