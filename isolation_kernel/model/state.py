"""A guest's registers between VMRUN and #VMEXIT, and how they go in and out of a vCPU block."""

from contracts import vmcb
from contracts.architecture import Gpr
from contracts.host_link import VcpuBlock
from isolation_kernel.model.memory import PhysicalMemory

__all__ = ["Block", "GuestState"]

_BESIDE = {
    Gpr.EBX: VcpuBlock.EBX, Gpr.ECX: VcpuBlock.ECX, Gpr.EDX: VcpuBlock.EDX,
    Gpr.ESI: VcpuBlock.ESI, Gpr.EDI: VcpuBlock.EDI, Gpr.EBP: VcpuBlock.EBP,
}  # fmt: skip
_SAVED = ("CR0", "CR3", "CR4", "CR2", "RFLAGS", "RIP", "CPL", "EFER", "INTERRUPT_SHADOW", "IDTR_BASE", "IDTR_LIMIT", "INT_CONTROL")


class Block:
    """A vCPU block in memory, by field names."""

    def __init__(self, memory: PhysicalMemory, address: int) -> None:
        self._memory, self.address = memory, address

    def get(self, name: str) -> int:
        f = vmcb.field(name)
        at = self.address + f.offset
        return int.from_bytes(self._memory.ram[at : at + f.size], "little")

    def put(self, name: str, value: int) -> None:
        f = vmcb.field(name)
        at = self.address + f.offset
        self._memory.ram[at : at + f.size] = (value & (1 << 8 * f.size) - 1).to_bytes(f.size, "little")

    def word(self, offset: int) -> int:
        return self._memory.read32(self.address + offset)

    def put_word(self, offset: int, value: int) -> None:
        self._memory.write32(self.address + offset, value & 0xFFFF_FFFF)


class GuestState:
    """The registers of the guest that runs."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.asid = block.get("ASID")
        self.fields = {name: block.get(name) for name in _SAVED}
        self.registers = {n: block.word(at) for n, at in _BESIDE.items()} | {Gpr.EAX: block.get("RAX"), Gpr.ESP: block.get("RSP")}
        self.gif = True

    def __getitem__(self, name: str) -> int:
        return self.fields[name]

    def __setitem__(self, name: str, value: int) -> None:
        self.fields[name] = value

    def store(self) -> None:
        """#VMEXIT writes it back."""
        for name, value in self.fields.items():
            self.block.put(name, value)
        for register, at in _BESIDE.items():
            self.block.put_word(at, self.registers[register])
        self.block.put("RAX", self.registers[Gpr.EAX])
        self.block.put("RSP", self.registers[Gpr.ESP])
