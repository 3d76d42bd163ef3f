"""Just enough of IA-32 decoding for the exits that do not say what they meant: MOV CR, CLTS, LMSW, SMSW, INVLPG."""

from dataclasses import dataclass
from enum import Enum, auto

from contracts.architecture import Exc, Gpr
from isolation_kernel.linear import BIG, GuestFault, read_linear, segment_linear
from isolation_kernel.partition import Partition

__all__ = ["Instruction", "Operation", "decode"]

_LONGEST = 15
_WORD = 2  # bytes of LMSW's and SMSW's memory operand
_SEGMENT_PREFIX = {0x26: "ES", 0x2E: "CS", 0x36: "SS", 0x3E: "DS", 0x64: "FS", 0x65: "GS"}
_OPERAND_SIZE, _ADDRESS_SIZE, _REPEATS = 0x66, 0x67, (0xF2, 0xF3)
_PAIRS = ((Gpr.EBX, Gpr.ESI), (Gpr.EBX, Gpr.EDI), (Gpr.EBP, Gpr.ESI), (Gpr.EBP, Gpr.EDI), (Gpr.ESI,), (Gpr.EDI,), (Gpr.EBP,), (Gpr.EBX,))


class Operation(Enum):
    """What an intercepted instruction does."""

    READ_CR = auto()
    WRITE_CR = auto()
    CLTS = auto()
    LMSW = auto()
    SMSW = auto()
    INVLPG = auto()


@dataclass(frozen=True)
class Instruction:
    """``register`` or ``linear`` is its operand; ``size`` that of a register operand in bytes. A memory operand lies in its segment."""

    operation: Operation
    register: int | None = None
    linear: int = 0
    size: int = 4


class _Bytes:
    """The instruction stream at CS:EIP, fetched as it is needed."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self._at = partition.vcpu.get("CS_BASE") + partition.vcpu.get("RIP") & 0xFFFF_FFFF
        self._count = 0

    def take(self, size: int = 1, signed: bool = False) -> int:
        self._count += size
        if self._count > _LONGEST:
            raise GuestFault(Exc.GP, 0)
        data = read_linear(self._partition, self._at, size, touch=False)
        self._at += size
        return int.from_bytes(data, "little", signed=signed)


def _effective(partition: Partition, code: _Bytes, modrm: int, size: int) -> tuple[int, bool]:
    """Offset of a memory operand at an address size in bytes, and whether its default segment is SS."""
    mode, rm, register = modrm >> 6, modrm & 7, partition.vcpu.register
    base: tuple[Gpr, ...] = (Gpr(rm),) if size == 4 else _PAIRS[rm]
    offset = 0
    if size == 4 and rm == Gpr.ESP:
        sib = code.take()
        index, base = sib >> 3 & 7, (Gpr(sib & 7),)
        offset = 0 if index == Gpr.ESP else register(index) << (sib >> 6)
    if mode == 0 and base == (Gpr.EBP,):
        offset, base = offset + code.take(size), ()  # a displacement instead
    elif mode:
        offset += code.take(1 if mode == 1 else size, signed=True)
    return offset + sum(map(register, base)) & (1 << 8 * size) - 1, Gpr.ESP in base or Gpr.EBP in base


def decode(partition: Partition) -> Instruction:
    """The instruction at CS:EIP; GuestFault with #UD if it is none of those known here (the guest has changed it meanwhile)."""
    code = _Bytes(partition)
    big = bool(partition.vcpu.get("CS_ATTRIB") & BIG)
    size = address_size = 4 if big else 2
    segment = None
    while (byte := code.take()) in _SEGMENT_PREFIX or byte in (_OPERAND_SIZE, _ADDRESS_SIZE, *_REPEATS):
        segment = _SEGMENT_PREFIX.get(byte, segment)
        if byte == _OPERAND_SIZE:
            size = 2 if big else 4
        elif byte == _ADDRESS_SIZE:
            address_size = 2 if big else 4
    if byte != 0x0F:
        raise GuestFault(Exc.UD)
    opcode = code.take()
    if opcode == 0x06:
        return Instruction(Operation.CLTS)
    modrm = code.take()
    if opcode in (0x20, 0x22):
        return Instruction(Operation.READ_CR if opcode == 0x20 else Operation.WRITE_CR, modrm & 7)
    operation = {4: Operation.SMSW, 6: Operation.LMSW, 7: Operation.INVLPG}.get(modrm >> 3 & 7) if opcode == 0x01 else None
    if operation is None:
        raise GuestFault(Exc.UD)
    if modrm >> 6 == 3:
        return Instruction(operation, modrm & 7, size=size)
    offset, stack = _effective(partition, code, modrm, address_size)
    segment = segment or ("SS" if stack else "DS")
    if operation is Operation.INVLPG:  # asks no segment's leave
        return Instruction(operation, linear=partition.vcpu.get(f"{segment}_BASE") + offset & 0xFFFF_FFFF)
    return Instruction(operation, linear=segment_linear(partition, segment, offset, _WORD, operation is Operation.SMSW))
