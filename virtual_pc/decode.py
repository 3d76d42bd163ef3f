"""Just enough of IA-32 decoding for the exits that do not say what they meant: MOV CR, CLTS, LMSW, SMSW, INVLPG."""

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum, IntEnum, auto

from contracts.architecture import Gpr

__all__ = ["Instruction", "Operation", "Segment", "decode"]

_OPERAND_SIZE, _ADDRESS_SIZE, _REPEATS = 0x66, 0x67, (0xF2, 0xF3)
_PAIRS: tuple[tuple[Gpr | None, Gpr | None], ...] = (
    (Gpr.EBX, Gpr.ESI), (Gpr.EBX, Gpr.EDI), (Gpr.EBP, Gpr.ESI), (Gpr.EBP, Gpr.EDI),
    (None, Gpr.ESI), (None, Gpr.EDI), (Gpr.EBP, None), (Gpr.EBX, None),
)  # fmt: skip


class Operation(Enum):
    """What an intercepted instruction does."""

    READ_CR = auto()
    WRITE_CR = auto()
    CLTS = auto()
    LMSW = auto()
    SMSW = auto()
    INVLPG = auto()


class Segment(IntEnum):
    """Segment registers, as instructions number them."""

    ES = 0
    CS = 1
    SS = 2
    DS = 3
    FS = 4
    GS = 5


_SEGMENT_PREFIX = {
    0x26: Segment.ES, 0x2E: Segment.CS, 0x36: Segment.SS, 0x3E: Segment.DS, 0x64: Segment.FS, 0x65: Segment.GS,
}  # fmt: skip


@dataclass(frozen=True)
class Instruction:
    """Its operand is ``register`` (``wide``: all 32 bits of it), or lies in memory: in ``segment``, at the sum of the base register, the
    index register times 2 to the power of ``scale`` and the displacement (``wide_address``: in 32 bits)."""

    operation: Operation
    register: int | None = None
    wide: bool = True
    segment: Segment = Segment.DS
    base: int | None = None
    index: int | None = None
    scale: int = 0
    displacement: int = 0
    wide_address: bool = True


# Yields how many bytes it needs next, and is sent them as a number; at the end it yields the instruction, or None: none of those.
Decoding = Generator[int | Instruction | None, int, None]


def _take(size: int = 1) -> Generator[int | Instruction | None, int, int]:
    return (yield size)


def _signed(value: int, size: int) -> int:
    return value - (value >> 8 * size - 1 << 8 * size)


def _memory(operation: Operation, modrm: int, segment: Segment | None, wide: bool, wide_address: bool) -> Decoding:
    """The rest of an instruction with a memory operand."""
    mode, rm = modrm >> 6, modrm & 7
    base, index = (Gpr(rm), None) if wide_address else _PAIRS[rm]
    scale = displacement = 0
    if wide_address and rm == Gpr.ESP:
        sib = yield from _take()
        base, scale = Gpr(sib & 7), sib >> 6
        index = None if sib >> 3 & 7 == Gpr.ESP else Gpr(sib >> 3 & 7)
    length = 1 if mode == 1 else 4 if wide_address else 2
    if mode == 0 and base == Gpr.EBP and (wide_address or index is None):
        displacement, base = (yield from _take(length)), None  # a displacement instead
    elif mode:
        displacement = _signed((yield from _take(length)), length)
    if segment is None:
        segment = Segment.SS if base in (Gpr.ESP, Gpr.EBP) else Segment.DS
    yield Instruction(operation, None, wide, segment, base, index, scale, displacement, wide_address)


def decode(big: bool) -> Decoding:
    """An instruction of a code segment with 32-bit operands and addresses, or not."""
    wide = wide_address = big
    segment = None
    while (byte := (yield from _take())) in _SEGMENT_PREFIX or byte in (_OPERAND_SIZE, _ADDRESS_SIZE, *_REPEATS):
        segment = _SEGMENT_PREFIX.get(byte, segment)
        if byte == _OPERAND_SIZE:
            wide = not big
        elif byte == _ADDRESS_SIZE:
            wide_address = not big
    opcode = (yield from _take()) if byte == 0x0F else None
    if opcode == 0x06:
        yield Instruction(Operation.CLTS)
    elif opcode in (0x20, 0x22):
        modrm = yield from _take()
        yield Instruction(Operation.READ_CR if opcode == 0x20 else Operation.WRITE_CR, modrm & 7)
    elif opcode is None:
        yield None
    else:
        modrm = yield from _take()
        operation = {4: Operation.SMSW, 6: Operation.LMSW, 7: Operation.INVLPG}.get(modrm >> 3 & 7) if opcode == 0x01 else None
        if operation is None:
            yield None
        elif modrm >> 6 == 3:
            yield Instruction(operation, modrm & 7, wide)
        else:
            yield from _memory(operation, modrm, segment, wide, wide_address)
