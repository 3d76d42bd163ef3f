"""Guests as Python generators: each yields operations, and is sent their results or thrown the exceptions they raise."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Clts", "Cpuid", "GuestException", "Halt", "In", "Invlpg", "Lmsw", "Misalign", "Out", "OutString", "Operation", "Rdmsr", "Rdtsc",
    "Read", "ReadCr", "Script", "SetIf", "SetIdt", "SetRing", "Smsw", "Spin", "SvmInstruction", "Vmmcall", "Write", "WriteCr", "Wrmsr",
]  # fmt: skip


class GuestException(Exception):
    """An exception delivered to the guest."""

    def __init__(self, vector: int, error: int | None = None, cr2: int | None = None) -> None:
        super().__init__(vector, error, cr2)
        self.vector, self.error, self.cr2 = vector, error, cr2


class Operation:
    """One instruction of a guest."""


@dataclass(frozen=True)
class Read(Operation):
    """Result: the 32-bit word (or fewer bytes) at a linear address."""

    linear: int
    size: int = 4


@dataclass(frozen=True)
class Write(Operation):
    """Store to a linear address."""

    linear: int
    value: int
    size: int = 4


@dataclass(frozen=True)
class ReadCr(Operation):
    """MOV EAX, CRn."""

    number: int


@dataclass(frozen=True)
class WriteCr(Operation):
    """MOV CRn, EAX."""

    number: int
    value: int


@dataclass(frozen=True)
class Clts(Operation):
    """CLTS."""


@dataclass(frozen=True)
class Lmsw(Operation):
    """LMSW AX."""

    value: int


@dataclass(frozen=True)
class Smsw(Operation):
    """SMSW AX, or to memory at ``linear``."""

    linear: int | None = None


@dataclass(frozen=True)
class Invlpg(Operation):
    """INVLPG [linear]."""

    linear: int


@dataclass(frozen=True)
class In(Operation):
    """IN."""

    port: int
    size: int = 1


@dataclass(frozen=True)
class Out(Operation):
    """OUT."""

    port: int
    value: int
    size: int = 1


@dataclass(frozen=True)
class OutString(Operation):
    """REP OUTSB: ``count`` bytes from a linear address."""

    port: int
    linear: int
    count: int


@dataclass(frozen=True)
class Halt(Operation):
    """HLT."""


@dataclass(frozen=True)
class Cpuid(Operation):
    """Result: EAX, EBX, ECX, EDX."""

    leaf: int


@dataclass(frozen=True)
class Vmmcall(Operation):
    """A hypercall; the result is EAX as a signed number."""

    number: int
    ebx: int = 0
    ecx: int = 0
    edx: int = 0
    esi: int = 0
    edi: int = 0


@dataclass(frozen=True)
class Rdtsc(Operation):
    """Result: EDX:EAX."""


@dataclass(frozen=True)
class Rdmsr(Operation):
    """Result: EDX:EAX."""

    number: int


@dataclass(frozen=True)
class Wrmsr(Operation):
    """WRMSR."""

    number: int
    value: int


@dataclass(frozen=True)
class SetIf(Operation):
    """STI or CLI."""

    on: bool


@dataclass(frozen=True)
class SetRing(Operation):
    """Go on at another privilege level (as by IRET or a gate)."""

    cpl: int


@dataclass(frozen=True)
class SetIdt(Operation):
    """LIDT: from now on the delivery of an event reads its gate at base + 8 * vector."""

    base: int
    limit: int = 0x7FF


@dataclass(frozen=True)
class Misalign(Operation):
    """A misaligned access at CPL 3 that raises #AC, by a program whose #AC handler runs there too, on a misaligned stack: from now on the
    delivery of each event raises #AC."""


@dataclass(frozen=True)
class SvmInstruction(Operation):
    """VMRUN, VMLOAD, VMSAVE, STGI, CLGI, SKINIT or INVLPGA, with EAX."""

    name: str
    eax: int = 0


@dataclass(frozen=True)
class Spin(Operation):
    """Compute for some cycles."""

    cycles: int = 100


Script = Generator[Operation, Any, None]
