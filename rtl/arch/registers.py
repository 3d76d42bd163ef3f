"""General registers, segments and the modes of the processor (Intel SDM vol. 1, 3.4)."""

from amaranth.lib import data, enum

__all__ = ["Attributes", "Gpr", "Mode", "Segment"]


class Gpr(enum.Enum, shape=3):
    """General registers by encoding. As bytes 0–3 are AL–BL, 4–7 AH–BH."""

    EAX = 0
    ECX = 1
    EDX = 2
    EBX = 3
    ESP = 4
    EBP = 5
    ESI = 6
    EDI = 7


class Segment(enum.IntEnum, shape=4):
    """What can be the segment of an access. 0–5 are encoded in instructions; each up to SCRATCH has selector, base, limit, attributes."""

    ES = 0
    CS = 1
    SS = 2
    DS = 3
    FS = 4
    GS = 5
    LDTR = 6
    TR = 7
    GDTR = 8
    IDTR = 9
    SCRATCH = 10  # the stack of an outer or inner ring while a transfer still may fault
    SYSTEM = 11  # linear address = offset, no limit
    PHYSICAL = 12  # physical address = offset, no translation


class Attributes(data.Struct):
    """Hidden attributes of a segment, 12 bits as in the VMCB: descriptor bits 47:40, then 55:52."""

    type: 4  # code/data: bit 3 code, bit 2 expand-down or conforming, bit 1 writable or readable, bit 0 accessed
    s: 1  # 1 = code or data, 0 = system
    dpl: 2
    p: 1
    avl: 1
    l: 1  # noqa: E741
    db: 1  # default size: 1 = 32 bits
    g: 1


class Mode(data.Struct):
    """What of the processor's state decides how instructions are decoded and accesses checked."""

    pe: 1  # CR0.PE
    pg: 1  # CR0.PG
    wp: 1  # CR0.WP
    pse: 1  # CR4.PSE
    pge: 1  # CR4.PGE
    cpl: 2
    code32: 1  # CS.D
    stack32: 1  # SS.B
    vm: 1  # EFLAGS.VM
