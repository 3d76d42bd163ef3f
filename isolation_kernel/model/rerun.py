"""Replays a record, of the RTL as of the model, on the model: what guests and devices did comes from the record, all else from the model.

The kernel's calls must be those of the record, as in every replay. But it reads its own tables, the VMCB fields that it wrote, the guard's
registers, the 8259s and PCI from the model, which was told no more than the kernel's writes; where the model answers otherwise than the
recorded machine did, that is a mismatch. And at each exit the model's processor must exit for the same reason: the intercept is on, the
permission map has the port or MSR, the walk of the shadow tables in the model's memory faults at the same address with the same error.

What a guest has written is known as far as the kernel has looked at it, which is all that its decisions can depend on.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from contracts.architecture import Exc, PageFault
from contracts.exit_codes import ExitCode, exit_name
from contracts.host_link import VcpuBlock
from contracts.io_exit import IoExit
from contracts.memory_map import Physical, Port, RamLayout
from contracts.msr import msrpm_bit
from contracts.policy_map import GUARD
from contracts.tpm import LOCALITIES, LOCALITY_STRIDE
from contracts.vmcb import TlbControl
from isolation_kernel.model.machine import ModelMachine
from isolation_kernel.model.recorder import ReplayMachine, ReplayMismatch
from isolation_kernel.model.state import Block, GuestState
from isolation_kernel.model.translation import Translation, VmExit

__all__ = ["ModelReplay"]

_COMMANDS = ("run", "take_interrupt", "halt")  # guests and devices go on only within these
_WORD = 4
_BY_DEVICES = frozenset(Physical.GUARD + GUARD[name].offset for name in ("STATUS", "LOG_ADDRESS", "LOG_INFO", "DEVICE_IDLE"))
_TPM = range(Physical.TPM, Physical.TPM + LOCALITIES * LOCALITY_STRIDE)
_COMPARED_PORTS = frozenset({
    Port.PIC_MASTER, Port.PIC_MASTER + 1, Port.PIC_SLAVE, Port.PIC_SLAVE + 1, *range(Port.PCI_DATA, Port.PCI_DATA + 4),
})  # fmt: skip
_INTERCEPTS = (  # first exit code, how many, and the VMCB field with their bits
    (ExitCode.CR_READ, 16, "INTERCEPT_CR_READ"), (ExitCode.CR_WRITE, 16, "INTERCEPT_CR_WRITE"),
    (ExitCode.EXCEPTION, 32, "INTERCEPT_EXCEPTIONS"), (ExitCode.INTR, 32, "INTERCEPT_GENERAL1"), (ExitCode.VMRUN, 14, "INTERCEPT_GENERAL2"),
)  # fmt: skip


class ModelReplay(ReplayMachine):
    """A machine for ``recorder.replay``. ``compared`` counts what the model has confirmed: reads, interrupts, and exits by name."""

    def __init__(self, lines: Iterable[str], layout: RamLayout) -> None:
        super().__init__(lines)
        self.model = ModelMachine(layout)
        self.model.access_cycles = 0
        self.compared: Counter[str] = Counter()
        self._kernel_base = layout.kernel_base
        self._blocks: set[int] = set()
        self._written: set[int] = set()  # addresses of bytes that the kernel has written since the last command

    def _answer(self, name: str, arguments: tuple[Any, ...], recorded: Any) -> Any:
        if handler := _HANDLERS.get(name):
            return handler(self, arguments, recorded)
        getattr(self.model, name)(*arguments)  # a write, a flush, a shutdown
        if name in ("write32", "write_block", "clear"):
            size = {"write32": _WORD, "clear": arguments[1]}.get(name) or len(arguments[1])
            self._written.update(range(arguments[0], arguments[0] + size))
        return recorded

    def _agree(self, what: str, model: object, recorded: object) -> None:
        if model != recorded:
            raise ReplayMismatch(f"line {self.line}: {what} is {model} on the model, recorded is {recorded}")
        self.compared[what.split(" ")[0]] += 1

    # reads

    def _is_guests(self, address: int) -> bool:
        """Whether guests, devices or the processor at an exit may have changed a byte."""
        changeable = address < self._kernel_base or any(0 <= address - block < VcpuBlock.SIZE for block in self._blocks)
        return changeable and address not in self._written

    def _tell(self, address: int, data: bytes) -> str:
        """The model's memory learns what guests, devices and the processor have changed; whether what is read tells of the kernel alone."""
        told = [n for n in range(len(data)) if self._is_guests(address + n)]
        for n in told:
            self.model.memory.ram[address + n] = data[n]
        return f"{'told' if told else 'memory'} at {address:#x}"

    def _read_block(self, arguments: tuple[Any, ...], recorded: bytes) -> bytes:
        address, length = arguments
        what = self._tell(address, recorded)
        self._agree(what, self.model.read_block(address, length), recorded)
        return recorded

    def _read32(self, arguments: tuple[Any, ...], recorded: int) -> int:
        (address,) = arguments
        if address in _BY_DEVICES or address in _TPM:
            return recorded
        in_ram = address < len(self.model.memory.ram)
        what = self._tell(address, recorded.to_bytes(_WORD, "little")) if in_ram else f"register at {address:#x}"
        self._agree(what, self.model.read32(address), recorded)
        return recorded

    def _io_read(self, arguments: tuple[Any, ...], recorded: int) -> int:
        (port,) = arguments
        if port in _COMPARED_PORTS:
            self._agree(f"port {port:#x}", self.model.io_read(port), recorded)
        return recorded

    def _time(self, arguments: tuple[Any, ...], recorded: int) -> int:
        self.model.set_time(recorded)
        return recorded

    def _interrupt(self, arguments: tuple[Any, ...], recorded: int | None) -> int | None:
        """The line of the recorded vector rises; the model's 8259s must deliver that vector."""
        self._written.clear()
        pair = self.model.pic
        for first, pic in ((0, pair.master), (8, pair.slave)):
            if recorded is not None and 0 <= recorded - pic.base < 8:
                pair.raise_line(first + recorded - pic.base)
        self._agree("interrupt", pair.acknowledge(), recorded)
        return recorded

    # a guest runs

    def _told(self, block: int) -> None:
        """The words of a vCPU block as the kernel will first see them after the exit."""
        seen: set[int] = set()
        for line in self.ahead():
            if line.get("call") in _COMMANDS:
                return
            if line.get("call") == "write32":
                seen.add(line["args"][0])
            if line.get("call") == "read_block" and 0 <= line["args"][0] - block < VcpuBlock.SIZE:
                at, data = line["args"][0], bytes.fromhex(line["result"])
                for n in range(0, len(data), _WORD):
                    if at + n not in seen:
                        self.model.memory.ram[at + n : at + n + _WORD] = data[n : n + _WORD]
                        seen.add(at + n)

    def _run(self, arguments: tuple[Any, ...], recorded: None) -> None:
        (address,) = arguments
        self._blocks.add(address)
        self._written.clear()
        block, tlb = Block(self.model.memory, address), self.model.tlb
        processor = Translation(self.model)
        processor.state = state = GuestState(block)
        if block.get("TLB_CONTROL") != TlbControl.NOTHING:
            tlb.flush_asid(state.asid)
        intercepts = {name: block.get(name) for _, _, name in _INTERCEPTS}
        maps = block.get("IOPM_BASE_PA"), block.get("MSRPM_BASE_PA")
        self._told(address)
        code = block.get("EXITCODE")
        name = exit_name(code)
        on = [intercepts[field] >> code - first & 1 for first, count, field in _INTERCEPTS if first <= code < first + count]
        self._agree(f"exit:{name}", on, [1])
        if code == ExitCode.EXCEPTION + Exc.PF:
            self._fault(processor, block.get("EXITINFO1"), block.get("EXITINFO2"))
        elif code == ExitCode.IOIO:
            access = IoExit.decode(block.get("EXITINFO1"))
            ports = range(access.port, access.port + access.size)
            self._agree("permission", any(self._bit(maps[0], port) for port in ports), True)
        elif code == ExitCode.MSR:
            number = block.word(VcpuBlock.ECX)
            bit = msrpm_bit(number, bool(block.get("EXITINFO1") & 1))
            self._agree("permission", bit is None or self._bit(maps[1], bit), True)

    def _bit(self, base: int, number: int) -> bool:
        return bool(self.model.memory.ram[base + (number >> 3)] >> (number & 7) & 1)

    def _fault(self, processor: Translation, error: int, linear: int) -> None:
        try:
            reached: object = f"translated to {processor.translate(linear, bool(error & PageFault.WRITE), bool(error & PageFault.USER)):#x}"
        except VmExit as exit_:
            reached = (exit_.code, exit_.info1, exit_.info2)
        self._agree(f"fault at {linear:#x}", reached, (ExitCode.EXCEPTION + Exc.PF, error, linear))


_HANDLERS: dict[str, Callable[..., Any]] = {
    "read32": ModelReplay._read32, "read_block": ModelReplay._read_block, "io_read": ModelReplay._io_read, "time": ModelReplay._time,
    "take_interrupt": ModelReplay._interrupt, "halt": ModelReplay._interrupt, "run": ModelReplay._run,
}  # fmt: skip
