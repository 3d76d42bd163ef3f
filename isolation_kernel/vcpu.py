"""One guest's processor state: the VMCB and the registers beside it, read lazily from the vCPU block and written back before entry."""

from contracts import vmcb
from contracts.architecture import Eflags, Exc, Gpr
from contracts.host_link import VcpuBlock
from contracts.vmcb import EVENT_ERROR_VALID, EVENT_VALID, EventType
from isolation_kernel.machine import Machine

__all__ = ["Vcpu"]

_LINE = 16
_HIGH = 32
_DR6_SINGLE_STEP = 1 << 14


_REGISTERS = {
    Gpr.EBX: VcpuBlock.EBX, Gpr.ECX: VcpuBlock.ECX, Gpr.EDX: VcpuBlock.EDX,
    Gpr.ESI: VcpuBlock.ESI, Gpr.EDI: VcpuBlock.EDI, Gpr.EBP: VcpuBlock.EBP,
}  # fmt: skip
_IN_VMCB = {Gpr.EAX: "RAX", Gpr.ESP: "RSP"}


class Vcpu:
    """A vCPU block at physical address ``block``."""

    def __init__(self, machine: Machine, block: int) -> None:
        self._machine = machine
        self.block = block
        self._words: dict[int, int] = {}
        self._dirty: set[int] = set()
        machine.clear(block, VcpuBlock.SIZE)

    def _word(self, offset: int) -> int:
        if offset not in self._words:
            line = offset - offset % _LINE
            data = self._machine.read_block(self.block + line, _LINE)
            for at in range(0, _LINE, 4):
                self._words.setdefault(line + at, int.from_bytes(data[at : at + 4], "little"))
        return self._words[offset]

    def _put_word(self, offset: int, value: int, mask: int) -> None:
        new = (self._word(offset) & ~mask | value) & 0xFFFF_FFFF
        if new != self._words[offset]:
            self._words[offset] = new
            self._dirty.add(offset)

    def get(self, name: str) -> int:
        """A field of the VMCB, by its name in contracts.vmcb."""
        f = vmcb.field(name)
        word = self._word(f.offset & ~3)
        if f.size == 8:
            return word | self._word(f.offset + 4) << _HIGH
        return word >> 8 * (f.offset & 3) & (1 << 8 * f.size) - 1

    def put(self, name: str, value: int) -> None:
        """Write a field; memory follows at ``flush``."""
        f = vmcb.field(name)
        shift = 8 * (f.offset & 3)
        if f.size == 8:
            self._put_word(f.offset, value & 0xFFFF_FFFF, 0xFFFF_FFFF)
            self._put_word(f.offset + 4, value >> _HIGH & 0xFFFF_FFFF, 0xFFFF_FFFF)
        else:
            mask = (1 << 8 * f.size) - 1
            self._put_word(f.offset & ~3, (value & mask) << shift, mask << shift)

    def register(self, number: int) -> int:
        """A general register, all 32 bits."""
        name = _IN_VMCB.get(Gpr(number))
        return self.get(name) & 0xFFFF_FFFF if name else self._word(_REGISTERS[Gpr(number)])

    def set_register(self, number: int, value: int, size: int = 4) -> None:
        """Write the low ``size`` bytes of a general register; the rest stays."""
        mask = (1 << 8 * size) - 1
        value = self.register(number) & ~mask | value & mask
        name = _IN_VMCB.get(Gpr(number))
        if name:
            self.put(name, value)
        else:
            self._put_word(_REGISTERS[Gpr(number)], value, 0xFFFF_FFFF)

    def flush(self) -> None:
        """Write what has changed to memory and forget everything: the guest is entered next."""
        for offset in sorted(self._dirty):
            self._machine.write32(self.block + offset, self._words[offset])
        self._dirty.clear()
        self._words.clear()

    # what every exit's handler needs

    def advance(self) -> None:
        """The intercepted instruction is done: go on behind it, as the processor would."""
        self.put("RIP", self.get("NRIP"))
        self.put("INTERRUPT_SHADOW", 0)
        if self.get("RFLAGS") & Eflags.TF:
            self.put("DR6", self.get("DR6") | _DR6_SINGLE_STEP)
            self.inject(Exc.DB)

    def inject(self, vector: int, error: int | None = None, kind: EventType = EventType.EXCEPTION) -> None:
        """Let the next entry deliver an event."""
        event = vector | kind << 8 | EVENT_VALID
        if error is not None:
            event |= EVENT_ERROR_VALID | error << _HIGH
        self.put("EVENTINJ", event)
