"""A micro-op on its way through A, M and X: every selector of the template resolved, register operands read."""

from amaranth.lib import data

from rtl.arch.registers import Segment
from rtl.decode.decoded import Prediction
from rtl.execute.flags import ArithmeticFlags
from rtl.execute.operand import OperandWidth
from rtl.microcode.uop import (
    LABEL_WIDTH,
    Alignment,
    Condition,
    EspChange,
    FaultClass,
    FlagGroup,
    InterceptPoint,
    Memory,
    Sequence,
    Unit,
)  # fmt: skip

__all__ = ["AddressParts", "FlagsRead", "Operand", "Operation", "RegisterTarget"]


class Operand(data.Struct):
    """A source. ``value`` holds registers and constants; ``memory`` and ``address`` put what M or A yields in its place."""

    value: 32
    memory: 1
    address: 1


class RegisterTarget(data.Struct):
    """A destination register."""

    write: 1
    temporary: 1  # T0–T7
    index: 3
    high: 1  # bits 15:8 of it (AH, CH, DH, BH)


class AddressParts(data.Struct):
    """What the address adder adds up. ``index`` is scaled already; ``displacement`` includes the micro-op's own."""

    base: 32
    index: 32
    displacement: 32
    wide: 1  # the offset has 32 bits, else 16
    segment: Segment


class FlagsRead(data.Struct):
    """A mask of the flags that programs compute with (:mod:`rtl.microcode.flags_read`)."""

    arithmetic: ArithmeticFlags
    df: 1


class Operation(data.Struct):
    """A micro-op in flight. ``length``, ``instructions`` and ``prediction`` are those of the instruction it belongs to."""

    unit: Unit
    fn: 5
    width: OperandWidth
    a: Operand
    b: Operand
    c: 32  # source 3: REG, or EDX (AH for bytes) in divisions
    constant: 32
    target: RegisterTarget
    parts: AddressParts
    memory: Memory
    size: 3  # bytes of the access, or of the change of ESP: 1, 2, 4
    supervisor: 1  # the access is made as supervisor whatever the CPL
    alignment: Alignment
    lock: 1
    fault_class: FaultClass
    esp: EspChange
    flags: FlagGroup
    flags_read: FlagsRead
    condition: Condition
    sequence: Sequence
    label: LABEL_WIDTH
    commit: 1
    interruptible: 1
    length: 4
    instructions: 2
    prediction: Prediction
    intercept: InterceptPoint
    refetch: 1
    drain: 1
