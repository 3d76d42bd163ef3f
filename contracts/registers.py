"""How a block of memory-mapped registers is declared: once, here; RTL, kernel, C header and reference page derive from it."""

from dataclasses import dataclass, field
from enum import Enum

__all__ = ["WORD_SIZE", "Access", "Field", "Register", "RegisterBlock"]

WORD_SIZE = 4


class Access(Enum):
    """What a processor may do with a register or a field."""

    RO = "read only"
    WO = "write only"
    RW = "read, write"
    RW1C = "read, write 1 to clear"
    RW1S = "read, write 1 to set; cleared by platform reset alone"


@dataclass(frozen=True)
class Field:
    """Bits ``lsb`` to ``lsb + width - 1`` of a register."""

    name: str
    lsb: int
    width: int
    doc: str = ""

    @property
    def mask(self) -> int:
        """The field's bits in place."""
        return ((1 << self.width) - 1) << self.lsb

    def get(self, word: int) -> int:
        """The field's value in a register word."""
        return (word & self.mask) >> self.lsb

    def put(self, value: int) -> int:
        """A value shifted into the field's place; ValueError if it does not fit."""
        if value >> self.width:
            raise ValueError(f"{self.name}: {value:#x} does not fit in {self.width} bits")
        return value << self.lsb


@dataclass(frozen=True)
class Register:
    """A register of ``size`` bytes at byte ``offset`` of its block; ``count`` of them, ``stride`` bytes apart."""

    name: str
    offset: int
    access: Access
    doc: str
    fields: tuple[Field, ...] = ()
    count: int = 1
    stride: int = 4
    reset: int = 0
    size: int = WORD_SIZE

    def field(self, name: str) -> Field:
        """The field of that name; KeyError if there is none."""
        for f in self.fields:
            if f.name == name:
                return f
        raise KeyError(f"{self.name} has no field {name}")

    def at(self, index: int = 0) -> int:
        """Byte offset of the register number ``index``."""
        if not 0 <= index < self.count:
            raise ValueError(f"{self.name}[{index}]: there are {self.count}")
        return self.offset + index * self.stride


@dataclass(frozen=True)
class RegisterBlock:
    """Registers that share a base address. They are accessed as whole words, or any bytes of a word by themselves (``by_byte``)."""

    name: str
    size: int
    doc: str
    registers: tuple[Register, ...] = field(default=())
    by_byte: bool = False

    def __getitem__(self, name: str) -> Register:
        for r in self.registers:
            if r.name == name:
                return r
        raise KeyError(f"{self.name} has no register {name}")
