"""The model's processor in guest mode: translation through the tables in memory, intercepts, events. It interprets no x86."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from contracts.architecture import Cr0, Cr4, Eflags, Exc, Gpr, PageFault, Pte
from contracts.exit_codes import INVALID, ExitCode
from contracts.memory_map import PAGE_SIZE
from contracts.msr import Efer, Msr, msrpm_bit
from contracts.vmcb import EVENT_ERROR_VALID, EVENT_VALID, EventType, General1, General2, InterruptControl, TlbControl
from isolation_kernel.model import script as ops
from isolation_kernel.model.script import GuestException, Operation, Script
from isolation_kernel.model.state import Block, GuestState
from isolation_kernel.model.tlb import TlbEntry

if TYPE_CHECKING:
    from isolation_kernel.model.machine import ModelMachine

__all__ = ["GuestCpu", "VmExit"]

_OPERATION_CYCLES = 10
_LAST_IN_PAGE = 0xF00


class VmExit(Exception):
    """A #VMEXIT."""

    def __init__(self, code: int, info1: int = 0, info2: int = 0, nrip: int = 0) -> None:
        super().__init__(code, info1, info2)
        self.code, self.info1, self.info2, self.nrip = code, info1, info2, nrip


class GuestCpu:
    """One guest's script and where it stands."""

    def __init__(self, machine: "ModelMachine", script: Callable[[], Script]) -> None:
        self._machine = machine
        self._script = script()
        self._handlers: list[tuple[Script, bool]] = []  # interrupted scripts, and their IF
        self._saved: list[tuple[Operation | None, int, int, int]] = []
        self._operation: Operation | None = None
        self._started = False
        self._rip = 0
        self._length = 0
        self._delivering = 0  # the event word while an event is being delivered
        self.interrupts: list[int] = []  # vectors taken
        self.exceptions: list[int] = []
        self.handlers: dict[int, Callable[[], Script]] = {}
        self.done = False
        self.state: GuestState

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

    def _intercepts(self, bit: General1 | General2) -> bool:
        name = "INTERCEPT_GENERAL1" if isinstance(bit, General1) else "INTERCEPT_GENERAL2"
        return bool(self.state.block.get(name) >> bit & 1)

    # events

    def _inject(self, block: Block) -> None:
        event = block.get("EVENTINJ")
        block.put("EVENTINJ", event & ~EVENT_VALID)
        if event & EVENT_VALID:
            error = event >> 32 if event & EVENT_ERROR_VALID else None
            self._deliver(event & 0xFF, EventType(event >> 8 & 7), error)

    def _deliver(self, vector: int, kind: EventType, error: int | None) -> None:
        """Deliver an event to the script; a fault on its gate exits with the event in EXITINTINFO."""
        state = self.state
        if state["IDTR_BASE"]:
            self._delivering = vector | kind << 8 | EVENT_VALID | (0 if error is None else EVENT_ERROR_VALID | error << 32)
            self.translate(state["IDTR_BASE"] + 8 * vector & 0xFFFF_FFFF, write=False, user=False)
            self._delivering = 0
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
        if state.gif and machine.interrupt_pending() and self._intercepts(General1.INTR):
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

    # memory

    def translate(self, linear: int, write: bool, user: bool) -> int:
        """The physical address; a miss walks the tables in memory, a refusal is a #PF."""
        state, machine = self.state, self._machine
        key = (state.asid, linear // PAGE_SIZE)
        entry = machine.tlb.entries.get(key)
        if entry is None or write and entry.writable and not entry.dirty:
            entry = self._walk(linear, write, user)
            machine.tlb.entries[key] = entry
        elif user and not entry.user or write and not entry.writable and (user or state["CR0"] & Cr0.WP):
            self._page_fault(linear, write, user, PageFault.PROTECTION)
        physical = entry.frame * PAGE_SIZE + linear % PAGE_SIZE
        if machine.translations is not None:
            machine.translations.append((state.asid, linear, physical, write))
        return physical

    def _page_fault(self, linear: int, write: bool, user: bool, bits: int) -> NoReturn:
        error = bits | (PageFault.WRITE if write else 0) | (PageFault.USER if user else 0)
        if self.state.block.get("INTERCEPT_EXCEPTIONS") >> Exc.PF & 1:
            raise VmExit(ExitCode.EXCEPTION + Exc.PF, error, linear)
        raise GuestException(Exc.PF, error, linear)

    def _walk(self, linear: int, write: bool, user: bool) -> TlbEntry:
        memory, state = self._machine.memory, self.state
        at = (state["CR3"] & ~0xFFF) + (linear >> 22) * 4
        chain = [(at, memory.read32(at, guest=True))]
        large = False
        if chain[0][1] & Pte.P:
            large = bool(chain[0][1] & Pte.PS and state["CR4"] & Cr4.PSE)
            if not large:
                at = (chain[0][1] & ~0xFFF) + (linear >> 12 & 0x3FF) * 4
                chain.append((at, memory.read32(at, guest=True)))
        if not all(word & Pte.P for _, word in chain):
            self._page_fault(linear, write, user, 0)
        writable, for_user = (all(word & bit for _, word in chain) for bit in (Pte.RW, Pte.US))
        if user and not for_user or write and not writable and (user or state["CR0"] & Cr0.WP):
            self._page_fault(linear, write, user, PageFault.PROTECTION)
        for n, (where, word) in enumerate(chain):
            marked = word | Pte.A | (Pte.D if write and n == len(chain) - 1 else 0)
            if marked != word:
                memory.write32(where, marked, guest=True)
        leaf = chain[-1][1]
        frame = (leaf & 0xFFC0_0000 | linear & 0x003F_F000) >> 12 if large else leaf >> 12
        return TlbEntry(frame, writable, for_user, bool(leaf & Pte.D) or write, bool(leaf & Pte.G and state["CR4"] & Cr4.PGE))

    def _data(self, linear: int, size: int, value: int | None) -> int:
        physical = self.translate(linear, value is not None, self.state["CPL"] == 3)
        memory, shift = self._machine.memory, 8 * (physical & 3)
        old = memory.read32(physical & ~3, guest=True)
        mask = (1 << 8 * size) - 1
        if value is None:
            return old >> shift & mask
        memory.write32(physical & ~3, old & ~(mask << shift) & 0xFFFF_FFFF | (value & mask) << shift, guest=True)
        return value

    def _code(self, code: bytes) -> None:
        """Fetch the instruction: its bytes are put where RIP leads, as if they had always been there."""
        self._length = max(2, len(code))
        physical = self.translate(self.state.block.get("CS_BASE") + self._rip & 0xFFFF_FFFF, False, self.state["CPL"] == 3)
        if physical + 16 <= len(self._machine.memory.ram):
            self._machine.memory.ram[physical : physical + len(code)] = code

    def _need_ring_0(self) -> None:
        if self.state["CPL"]:
            raise GuestException(Exc.GP, 0)

    def _exit(self, code: int, info1: int = 0, info2: int = 0) -> VmExit:
        return VmExit(code, info1, info2, self._rip + self._length)

    # operations

    def _execute(self, operation: Operation) -> object:
        return _EXECUTE[type(operation)](self, operation)

    def _read(self, op: ops.Read) -> object:
        self._code(b"\x8b\x00")
        return self._data(op.linear, op.size, None)

    def _write(self, op: ops.Write) -> object:
        self._code(b"\x89\x00")
        self._data(op.linear, op.size, op.value)
        return None

    def _read_cr(self, op: ops.ReadCr) -> object:
        self._code(bytes([0x0F, 0x20, 0xC0 | op.number << 3]))
        self._need_ring_0()
        if self.state.block.get("INTERCEPT_CR_READ") >> op.number & 1:
            raise self._exit(ExitCode.CR_READ + op.number)
        return self.state[f"CR{op.number}"]

    def _write_cr(self, op: ops.WriteCr) -> object:
        self._code(bytes([0x0F, 0x22, 0xC0 | op.number << 3]))
        self._need_ring_0()
        self.state.registers[Gpr.EAX] = op.value
        if self.state.block.get("INTERCEPT_CR_WRITE") >> op.number & 1:
            raise self._exit(ExitCode.CR_WRITE + op.number)
        self.state[f"CR{op.number}"] = op.value
        self._machine.tlb.flush_asid(self.state.asid, globals_too=op.number != 3)
        return None

    def _write_cr0_by(self, code: bytes) -> object:
        self._code(code)
        self._need_ring_0()
        raise self._exit(ExitCode.CR_WRITE)  # CR0 writes are always intercepted here

    def _clts(self, op: ops.Clts) -> object:
        return self._write_cr0_by(b"\x0f\x06")

    def _lmsw(self, op: ops.Lmsw) -> object:
        self.state.registers[Gpr.EAX] = op.value
        return self._write_cr0_by(b"\x0f\x01\xf0")

    def _smsw(self, op: ops.Smsw) -> object:
        if op.linear is None:
            self._code(b"\x0f\x01\xe0")
        else:
            self._code(b"\x0f\x01\x25" + op.linear.to_bytes(4, "little"))
        raise self._exit(ExitCode.CR_READ)

    def _invlpg(self, op: ops.Invlpg) -> object:
        self._code(b"\x0f\x01\x3d" + op.linear.to_bytes(4, "little"))
        self._need_ring_0()
        raise self._exit(ExitCode.INVLPG)

    def _port_exits(self, port: int, size: int) -> bool:
        if not self._intercepts(General1.IOIO):
            return False
        ram, base = self._machine.memory.ram, self.state.block.get("IOPM_BASE_PA")
        return any(ram[base + (port + n >> 3)] >> (port + n & 7) & 1 for n in range(size))

    def _in(self, op: ops.In) -> object:
        self._code(b"\xec\x90")
        if self._port_exits(op.port, op.size):
            raise self._exit(ExitCode.IOIO, 1 | op.size << 4 | 1 << 8 | op.port << 16, self._rip + self._length)
        return sum(self._machine.io_read(op.port + n) << 8 * n for n in range(op.size))

    def _out(self, op: ops.Out) -> object:
        self._code(b"\xee\x90")
        self.state.registers[Gpr.EAX] = op.value
        if self._port_exits(op.port, op.size):
            raise self._exit(ExitCode.IOIO, op.size << 4 | 1 << 8 | op.port << 16, self._rip + self._length)
        if op.size == 4 and not op.port & 3:
            self._machine.io_write32(op.port, op.value)
            return None
        for n in range(op.size):
            self._machine.io_write(op.port + n, op.value >> 8 * n & 0xFF)
        return None

    def _out_string(self, op: ops.OutString) -> object:
        registers = self.state.registers
        if self._length == 1:  # not begun
            registers[Gpr.ESI], registers[Gpr.ECX] = op.linear, op.count
        self._code(b"\xf3\x6e")
        raise self._exit(ExitCode.IOIO, 1 << 2 | 1 << 3 | 1 << 4 | 1 << 8 | 3 << 10 | op.port << 16, self._rip + self._length)

    def _halt(self, op: ops.Halt) -> object:
        self._code(b"\xf4\x90")
        self._need_ring_0()
        raise self._exit(ExitCode.HLT)

    def _cpuid(self, op: ops.Cpuid) -> object:
        self._code(b"\x0f\xa2")
        self.state.registers[Gpr.EAX] = op.leaf
        raise self._exit(ExitCode.CPUID)

    def _vmmcall(self, op: ops.Vmmcall) -> object:
        self._code(b"\x0f\x01\xd9")
        self.state.registers.update({Gpr.EAX: op.number, Gpr.EBX: op.ebx, Gpr.ECX: op.ecx})
        raise self._exit(ExitCode.VMMCALL)

    def _rdtsc(self, op: ops.Rdtsc) -> object:
        self._code(b"\x0f\x31")
        if self._intercepts(General1.RDTSC):
            raise self._exit(ExitCode.RDTSC)
        return self._machine.time()

    def _msr(self, number: int, write: bool, value: int) -> object:
        self._code(b"\x0f\x30" if write else b"\x0f\x32")
        self._need_ring_0()
        self.state.registers.update({Gpr.ECX: number, Gpr.EAX: value & 0xFFFF_FFFF, Gpr.EDX: value >> 32})
        bit = msrpm_bit(number, write)
        base = self.state.block.get("MSRPM_BASE_PA")
        if bit is None or self._machine.memory.ram[base + (bit >> 3)] >> (bit & 7) & 1:
            raise self._exit(ExitCode.MSR, int(write))
        if number not in Msr.__members__.values():
            raise GuestException(Exc.GP, 0)
        if write:
            self._machine.msrs[number] = value
        return self._machine.msrs.get(number, 0)

    def _rdmsr(self, op: ops.Rdmsr) -> object:
        return self._msr(op.number, False, 0)

    def _wrmsr(self, op: ops.Wrmsr) -> object:
        return self._msr(op.number, True, op.value)

    def _set_if(self, op: ops.SetIf) -> object:
        self._code(b"\xfb" if op.on else b"\xfa")
        flags = self.state["RFLAGS"]
        if op.on and not flags & Eflags.IF:
            self.state["INTERRUPT_SHADOW"] = 1
        self.state["RFLAGS"] = flags | Eflags.IF if op.on else flags & ~int(Eflags.IF)
        return None

    def _set_ring(self, op: ops.SetRing) -> object:
        self._code(b"\xcf\x90")
        self.state["CPL"] = op.cpl
        return None

    def _set_idt(self, op: ops.SetIdt) -> object:
        self._code(b"\x0f\x01\x1d")
        self._need_ring_0()
        self.state["IDTR_BASE"], self.state["IDTR_LIMIT"] = op.base, op.limit
        return None

    def _svm(self, op: ops.SvmInstruction) -> object:
        self._code(b"\x0f\x01\xd8")
        self._need_ring_0()
        self.state.registers[Gpr.EAX] = op.eax
        bit = General1.INVLPGA if op.name == "INVLPGA" else General2[op.name]
        if self._intercepts(bit):
            raise self._exit(ExitCode[op.name])
        if op.name == "VMSAVE":  # FS, GS, TR, LDTR of the save area
            self._machine.memory.ram[op.eax + 0x440 : op.eax + 0x460] = b"\x13\x00\x93\x0c\xff\xff\xff\xff" * 4
        elif op.name == "CLGI":
            self.state.gif = False
        elif op.name == "STGI":
            self.state.gif = True
        return None

    def _spin(self, op: ops.Spin) -> object:
        self._code(b"\xeb\xfe")
        self._machine.advance(op.cycles)
        return None


_EXECUTE: dict[type[Operation], Callable[..., object]] = {
    ops.Read: GuestCpu._read, ops.Write: GuestCpu._write, ops.ReadCr: GuestCpu._read_cr, ops.WriteCr: GuestCpu._write_cr,
    ops.Clts: GuestCpu._clts, ops.Lmsw: GuestCpu._lmsw, ops.Smsw: GuestCpu._smsw, ops.Invlpg: GuestCpu._invlpg,
    ops.In: GuestCpu._in, ops.Out: GuestCpu._out, ops.OutString: GuestCpu._out_string, ops.Halt: GuestCpu._halt,
    ops.Cpuid: GuestCpu._cpuid, ops.Vmmcall: GuestCpu._vmmcall, ops.Rdtsc: GuestCpu._rdtsc, ops.Rdmsr: GuestCpu._rdmsr,
    ops.Wrmsr: GuestCpu._wrmsr, ops.SetIf: GuestCpu._set_if, ops.SetRing: GuestCpu._set_ring, ops.SetIdt: GuestCpu._set_idt,
    ops.SvmInstruction: GuestCpu._svm, ops.Spin: GuestCpu._spin,
}  # fmt: skip
