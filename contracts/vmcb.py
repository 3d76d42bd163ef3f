"""The virtual machine control block (AMD64 APM vol. 2, appendix B), as far as 32-bit legacy mode reaches.

Offsets are bytes from the VMCB's physical base. Sizes are bytes. 64-bit fields are two little-endian 32-bit words.
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag

__all__ = [
    "CONTROL_SIZE", "DR_INTERCEPTS", "EVENT_ERROR_VALID", "EVENT_TYPE_LSB", "EVENT_TYPE_MASK", "EVENT_VALID", "EVENT_VECTOR_MASK",
    "EXCEPTION_VECTORS", "FIELDS", "SEGMENTS", "SIZE", "CrIntercept", "EventType", "Field", "General1", "General2", "InterruptControl",
    "SegmentPart", "TlbControl", "field", "segment",
]  # fmt: skip

SIZE = 4096
CONTROL_SIZE = 0x400


@dataclass(frozen=True)
class Field:
    """A field of the VMCB: byte offset and size in bytes."""

    name: str
    offset: int
    size: int


class SegmentPart(IntEnum):
    """Offsets inside one 16-byte segment of the save area. ATTRIB: [7:0] = descriptor 47:40, [11:8] = 55:52."""

    SELECTOR = 0
    ATTRIB = 2
    LIMIT = 4
    BASE = 8


SEGMENTS: dict[str, int] = {
    "ES": 0x400, "CS": 0x410, "SS": 0x420, "DS": 0x430, "FS": 0x440, "GS": 0x450,
    "GDTR": 0x460, "LDTR": 0x470, "IDTR": 0x480, "TR": 0x490,
}  # fmt: skip

_PLAIN: tuple[tuple[str, int, int], ...] = (
    ("INTERCEPT_CR_READ", 0x000, 2), ("INTERCEPT_CR_WRITE", 0x002, 2),
    ("INTERCEPT_DR_READ", 0x004, 2), ("INTERCEPT_DR_WRITE", 0x006, 2),
    ("INTERCEPT_EXCEPTIONS", 0x008, 4), ("INTERCEPT_GENERAL1", 0x00C, 4), ("INTERCEPT_GENERAL2", 0x010, 4),
    ("IOPM_BASE_PA", 0x040, 8), ("MSRPM_BASE_PA", 0x048, 8), ("TSC_OFFSET", 0x050, 8),
    ("ASID", 0x058, 4), ("TLB_CONTROL", 0x05C, 1),
    ("INT_CONTROL", 0x060, 4), ("INT_VECTOR", 0x064, 1), ("INTERRUPT_SHADOW", 0x068, 8),
    ("EXITCODE", 0x070, 8), ("EXITINFO1", 0x078, 8), ("EXITINFO2", 0x080, 8), ("EXITINTINFO", 0x088, 8),
    ("NP_ENABLE", 0x090, 8), ("EVENTINJ", 0x0A8, 8), ("N_CR3", 0x0B0, 8), ("LBR_VIRT_ENABLE", 0x0B8, 8),
    ("CLEAN_BITS", 0x0C0, 4), ("NRIP", 0x0C8, 8),
    ("CPL", 0x4CB, 1), ("EFER", 0x4D0, 8), ("CR4", 0x548, 8), ("CR3", 0x550, 8), ("CR0", 0x558, 8),
    ("DR7", 0x560, 8), ("DR6", 0x568, 8), ("RFLAGS", 0x570, 8), ("RIP", 0x578, 8), ("RSP", 0x5D8, 8), ("RAX", 0x5F8, 8),
    ("STAR", 0x600, 8), ("LSTAR", 0x608, 8), ("CSTAR", 0x610, 8), ("SFMASK", 0x618, 8), ("KERNEL_GS_BASE", 0x620, 8),
    ("SYSENTER_CS", 0x628, 8), ("SYSENTER_ESP", 0x630, 8), ("SYSENTER_EIP", 0x638, 8), ("CR2", 0x640, 8),
    ("G_PAT", 0x668, 8), ("DEBUGCTL", 0x670, 8),
)  # fmt: skip

_PART_SIZE = {SegmentPart.SELECTOR: 2, SegmentPart.ATTRIB: 2, SegmentPart.LIMIT: 4, SegmentPart.BASE: 8}

FIELDS: dict[str, Field] = {n: Field(n, o, s) for n, o, s in _PLAIN} | {
    f"{seg}_{part.name}": Field(f"{seg}_{part.name}", base + part, _PART_SIZE[part])
    for seg, base in SEGMENTS.items()
    for part in SegmentPart
}


def field(name: str) -> Field:
    """The field of that name; KeyError names it if there is none."""
    return FIELDS[name]


def segment(name: str, part: SegmentPart) -> Field:
    """One part of a segment of the save area."""
    return FIELDS[f"{name}_{part.name}"]


class CrIntercept(IntFlag):
    """Bits of the CR read and write intercept words: bit n is CRn."""

    CR0 = 1 << 0
    CR2 = 1 << 2
    CR3 = 1 << 3
    CR4 = 1 << 4


DR_INTERCEPTS = 0xFF  # all that there are, of DR0 to DR7, in the DR read or write intercept word


class General1(IntEnum):
    """Bit numbers of the intercept word at 0Ch."""

    INTR = 0
    NMI = 1
    SMI = 2
    INIT = 3
    VINTR = 4
    CR0_SEL_WRITE = 5
    IDTR_READ = 6
    GDTR_READ = 7
    LDTR_READ = 8
    TR_READ = 9
    IDTR_WRITE = 10
    GDTR_WRITE = 11
    LDTR_WRITE = 12
    TR_WRITE = 13
    RDTSC = 14
    RDPMC = 15
    PUSHF = 16
    POPF = 17
    CPUID = 18
    RSM = 19
    IRET = 20
    SWINT = 21
    INVD = 22
    PAUSE = 23
    HLT = 24
    INVLPG = 25
    INVLPGA = 26
    IOIO = 27
    MSR = 28
    TASK_SWITCH = 29
    FERR = 30
    SHUTDOWN = 31


class General2(IntEnum):
    """Bit numbers of the intercept word at 10h."""

    VMRUN = 0
    VMMCALL = 1
    VMLOAD = 2
    VMSAVE = 3
    STGI = 4
    CLGI = 5
    SKINIT = 6
    RDTSCP = 7
    ICEBP = 8
    WBINVD = 9
    MONITOR = 10
    MWAIT = 11
    MWAIT_CONDITIONAL = 12
    XSETBV = 13


class TlbControl(IntEnum):
    """What VMRUN flushes from the TLB."""

    NOTHING = 0
    ALL = 1
    ASID = 3
    ASID_NON_GLOBAL = 7


class InterruptControl(IntFlag):
    """The word at 60h, as bits; V_TPR is [7:0], V_INTR_PRIO [19:16]."""

    V_TPR = 0xFF
    V_IRQ = 1 << 8
    V_INTR_PRIO = 0xF << 16
    V_IGN_TPR = 1 << 20
    V_INTR_MASKING = 1 << 24


class EventType(IntEnum):
    """Bits [10:8] of EVENTINJ and EXITINTINFO."""

    INTR = 0
    NMI = 2
    EXCEPTION = 3
    SOFTWARE = 4


EVENT_VECTOR_MASK = 0xFF
EVENT_TYPE_LSB = 8
EVENT_TYPE_MASK = 7 << EVENT_TYPE_LSB
EVENT_ERROR_VALID = 1 << 11
EVENT_VALID = 1 << 31
EXCEPTION_VECTORS = frozenset(range(32)) - {2, 15, 20, *range(22, 28), 31}
"""Vectors that an event of type EXCEPTION may have: those that APM vol. 2, 8.2, gives to an exception, that of the 80387 among them."""
