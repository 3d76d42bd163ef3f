"""What each operation of a script does on the model's processor: its bytes, its checks, its intercept, its effect."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from contracts.architecture import Eflags, Exc, Gpr
from contracts.exit_codes import ExitCode
from contracts.io_exit import IoExit
from contracts.msr import Msr, msrpm_bit
from contracts.vmcb import General1, General2, InterruptControl
from isolation_kernel.model import script as ops
from isolation_kernel.model.script import GuestException, Operation
from isolation_kernel.model.translation import Translation, VmExit

if TYPE_CHECKING:
    from isolation_kernel.model.machine import ModelMachine

__all__ = ["Operations"]

_HALTED_CYCLES = 1000  # between two looks at the interrupt controller


class Operations(Translation):
    """A processor that executes one operation at ``_rip``, whose instruction has ``_length`` bytes."""

    def __init__(self, machine: "ModelMachine") -> None:
        super().__init__(machine)
        self._rip = 0
        self._length = 0
        self._misaligned = False

    def _intercepts(self, bit: General1 | General2) -> bool:
        name = "INTERCEPT_GENERAL1" if isinstance(bit, General1) else "INTERCEPT_GENERAL2"
        return bool(self.state.block.get(name) >> bit & 1)

    def _interrupted(self) -> bool:
        """Whether a physical interrupt is to be taken: the guest's IF holds it off, unless V_INTR_MASKING gives it one of its own."""
        state = self.state
        lets_it = state["INT_CONTROL"] & InterruptControl.V_INTR_MASKING or state["RFLAGS"] & Eflags.IF
        return state.gif and bool(lets_it) and self._machine.interrupt_pending()

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
            raise self._exit(ExitCode.IOIO, IoExit(op.port, op.size, is_in=True).word, self._rip + self._length)
        return sum(self._machine.io_read(op.port + n) << 8 * n for n in range(op.size))

    def _out(self, op: ops.Out) -> object:
        self._code(b"\xee\x90")
        self.state.registers[Gpr.EAX] = op.value
        if self._port_exits(op.port, op.size):
            raise self._exit(ExitCode.IOIO, IoExit(op.port, op.size).word, self._rip + self._length)
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
        access = IoExit(op.port, string=True, repeat=True, segment="DS")
        raise self._exit(ExitCode.IOIO, access.word, self._rip + self._length)

    def _halt(self, op: ops.Halt) -> object:
        self._code(b"\xf4\x90")
        self._need_ring_0()
        if self._intercepts(General1.HLT):
            raise self._exit(ExitCode.HLT)
        for _ in range(self._machine.operation_limit):
            if self._interrupted():
                return None
            self._machine.advance(_HALTED_CYCLES)
        self._machine.stuck()
        return None

    def _cpuid(self, op: ops.Cpuid) -> object:
        self._code(b"\x0f\xa2")
        self.state.registers[Gpr.EAX] = op.leaf
        raise self._exit(ExitCode.CPUID)

    def _vmmcall(self, op: ops.Vmmcall) -> object:
        self._code(b"\x0f\x01\xd9")
        arguments = {Gpr.EBX: op.ebx, Gpr.ECX: op.ecx, Gpr.EDX: op.edx, Gpr.ESI: op.esi, Gpr.EDI: op.edi}
        self.state.registers.update({Gpr.EAX: op.number} | arguments)
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

    def _misalign(self, op: ops.Misalign) -> object:
        self._code(b"\x8b\x00")
        self._misaligned = True
        raise self._exit(ExitCode.EXCEPTION + Exc.AC)

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
    ops.Read: Operations._read, ops.Write: Operations._write, ops.ReadCr: Operations._read_cr, ops.WriteCr: Operations._write_cr,
    ops.Clts: Operations._clts, ops.Lmsw: Operations._lmsw, ops.Smsw: Operations._smsw, ops.Invlpg: Operations._invlpg,
    ops.In: Operations._in, ops.Out: Operations._out, ops.OutString: Operations._out_string, ops.Halt: Operations._halt,
    ops.Cpuid: Operations._cpuid, ops.Vmmcall: Operations._vmmcall, ops.Rdtsc: Operations._rdtsc, ops.Rdmsr: Operations._rdmsr,
    ops.Wrmsr: Operations._wrmsr, ops.SetIf: Operations._set_if, ops.SetRing: Operations._set_ring, ops.SetIdt: Operations._set_idt,
    ops.Misalign: Operations._misalign, ops.SvmInstruction: Operations._svm, ops.Spin: Operations._spin,
}  # fmt: skip
