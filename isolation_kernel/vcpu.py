"""One guest's processor state: the VMCB and the registers beside it, read lazily from the vCPU block and written back before entry."""

from contracts import vmcb
from contracts.architecture import Dr6, Eflags, Exc
from contracts.events import Event
from contracts.host_link import REGISTER_OFFSETS, VcpuBlock
from contracts.machine import Machine
from contracts.vmcb import EventType

__all__ = ["Vcpu"]

_LINE = 16  # bytes that are read at once


class Vcpu:
    """A vCPU block at physical address ``block``."""

    def __init__(self, machine: Machine, block: int) -> None:
        self._machine = machine
        self.block = block
        self._bytes = bytearray(VcpuBlock.SIZE)
        self._known: set[int] = set()  # offsets of lines of which ``_bytes`` has a copy
        self._dirty: set[int] = set()  # offsets of words that memory does not have yet
        machine.clear(block, VcpuBlock.SIZE)

    def _read(self, offset: int, size: int) -> int:
        """A field, which lies in one line."""
        line = offset - offset % _LINE
        if line not in self._known:
            self._bytes[line : line + _LINE] = self._machine.read_block(self.block + line, _LINE)
            self._known.add(line)
        return int.from_bytes(self._bytes[offset : offset + size], "little")

    def _write(self, offset: int, size: int, value: int) -> None:
        value &= (1 << 8 * size) - 1
        changed = (self._read(offset, size) ^ value).to_bytes(size, "little")
        self._bytes[offset : offset + size] = value.to_bytes(size, "little")
        self._dirty.update(offset + n & ~3 for n, bits in enumerate(changed) if bits)

    def get(self, name: str) -> int:
        """A field of the VMCB, by its name in contracts.vmcb."""
        return self._read(vmcb.field(name).offset, vmcb.field(name).size)

    def put(self, name: str, value: int) -> None:
        """Write a field; memory follows at ``flush``."""
        self._write(vmcb.field(name).offset, vmcb.field(name).size, value)

    def register(self, number: int) -> int:
        """A general register, all 32 bits."""
        return self._read(REGISTER_OFFSETS[number], 4)

    def set_register(self, number: int, value: int, size: int = 4) -> None:
        """Write the low ``size`` bytes of a general register; the rest stays."""
        self._write(REGISTER_OFFSETS[number], size, value)

    def flush(self) -> None:
        """Write what has changed to memory and forget everything: the guest is entered next."""
        for offset in sorted(self._dirty):
            self._machine.write32(self.block + offset, self._read(offset, 4))
        self._dirty.clear()
        self._known.clear()

    # what every exit's handler needs

    def advance(self) -> None:
        """The intercepted instruction is done: go on behind it, as the processor would."""
        self.put("RIP", self.get("NRIP"))
        self.put("INTERRUPT_SHADOW", 0)
        if self.get("RFLAGS") & Eflags.TF:
            self.put("DR6", self.get("DR6") | Dr6.BS)
            self.inject(Exc.DB)

    def inject(self, vector: int, error: int | None = None, kind: int = EventType.EXCEPTION) -> None:
        """Let the next entry deliver an event."""
        self.put("EVENTINJ", Event(vector, error, kind).word)
