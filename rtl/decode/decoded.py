"""What the decoder hands on: one instruction, all lengths and fields resolved, or the fault of fetching or decoding it."""

from amaranth.lib import data

from rtl.arch.exceptions import Vector
from rtl.arch.registers import Segment
from rtl.microcode.uop import LABEL_WIDTH

__all__ = ["Decoded", "EffectiveAddress", "FetchFault", "Prediction"]


class EffectiveAddress(data.Struct):
    """An addressing form; 16-bit forms come in the same shape. For moffs operands only the displacement is used."""

    base_valid: 1
    base: 3
    index_valid: 1
    index: 3
    scale: 2
    displacement: 32  # sign-extended
    segment: Segment  # override or default


class FetchFault(data.Struct):
    """A fault that stands in place of an instruction."""

    valid: 1
    vector: Vector
    error: 32
    address: 32  # linear, for #PF


class Prediction(data.Struct):
    """Where the front end has gone on behind an instruction: at ``target`` if ``taken``, else straight on."""

    taken: 1
    target: 32


class Decoded(data.Struct):
    """A decoded instruction, or two that have been made one."""

    fault: FetchFault
    entry: LABEL_WIDTH  # first micro-op
    fn: 5  # of the opcode row, for micro-ops with fn_row
    byte: 1  # the row's width is a byte
    operand32: 1
    address32: 1
    opcode: 8  # last opcode byte; low four bits are the condition, low three the register
    two_byte: 1
    modrm: 8
    ea: EffectiveAddress
    data_segment: Segment  # DS or override
    immediate: 32
    immediate2: 16
    rep: 2  # a Rep
    lock: 1
    length: 4
    instructions: 2  # that it stands for: 1, or 2
    prediction: Prediction
    bytes: data.ArrayLayout(8, 15)
    eip: 32
    next_eip: 32  # straight on
    physical: 32
    physical_last: 32
