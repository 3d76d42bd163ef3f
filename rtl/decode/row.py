"""How a row of the opcode map is declared. The map itself is rtl/arch/opcode_map.py; an extension adds rows of the same kind."""

from dataclasses import dataclass

from amaranth.lib import enum

__all__ = ["Immediate", "Row"]


class Immediate(enum.Enum, shape=4):
    """Immediates of an opcode."""

    NONE = 0
    BYTE = 1  # zero-extended
    BYTE_SIGNED = 2  # sign-extended to 32
    WORD = 3  # 16 bits, zero-extended
    ROW = 4  # byte, 16 or 32 by the row's width and the operand size; sign-extension is immaterial
    OFFSET = 5  # moffs: address-size displacement, becomes ea.displacement
    FAR = 6  # 16- or 32-bit offset, then 16-bit selector in immediate2
    WORD_BYTE = 7  # ENTER: 16 bits, then a byte in immediate2
    REL = 8  # 16- or 32-bit displacement by the operand size, sign-extended


@dataclass(frozen=True)
class Row:
    """One row. ``opcode`` is 00h–FFh, or 0F00h–0FFFh for two-byte opcodes.

    ``register`` and ``memory`` are labels of microprograms for mod = 3 and mod ≠ 3; None there is #UD. Without ``modrm`` the label
    is ``register``. ``reg`` and ``rm`` narrow the row to one value of those fields of the ModRM byte.
    """

    opcode: int
    register: str | None = None
    memory: str | None = None
    modrm: bool = False
    reg: int | None = None
    rm: int | None = None  # only with mod = 3
    fn: int = 0
    byte: bool = False
    immediate: Immediate = Immediate.NONE
    lock: bool = False  # LOCK is allowed with a memory operand
    protected_only: bool = False  # #UD in real and virtual-8086 mode
    ignore_mod: bool = False  # every value of mod means a register (MOV of control registers)
