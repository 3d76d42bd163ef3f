"""The special registers: all state of the processor beside the general registers, in one address space of 8 bits for microprograms.

``SEGMENT_*`` are bases: add a :class:`rtl.arch.registers.Segment` (ES to SCRATCH). ``EXTENSION`` and above belong to the extension.
"""

from amaranth.lib import enum

__all__ = ["InterruptState", "Rep", "Special", "TlbFlush"]


class Special(enum.IntEnum, shape=8):
    """Numbers of the special registers; 32 bits each unless said."""

    SELECTOR = 0x00  # + Segment, 16 bits
    BASE = 0x10  # + Segment
    LIMIT = 0x20  # + Segment; in bytes, granularity applied
    ATTRIBUTES = 0x30  # + Segment, 12 bits (Attributes)
    CR0 = 0x40
    CR2 = 0x41
    CR3 = 0x42
    CR4 = 0x43
    EFLAGS = 0x44  # writes take every writable bit as given: microcode masks
    EIP = 0x45  # of the current instruction; written where another takes its place within a microprogram
    NEXT_EIP = 0x46  # a write redirects fetch at the end of the instruction, unchecked
    CPL = 0x47  # 2 bits
    EFER = 0x48
    TSC_LOW = 0x49  # reading latches the high word, offset by the extension; writing sets both words, the high one is written before
    TSC_HIGH = 0x4A
    SYSENTER_CS = 0x4B
    SYSENTER_ESP = 0x4C
    SYSENTER_EIP = 0x4D
    INTERRUPT_STATE = 0x4E  # bits of InterruptState
    # the event in delivery, or the fault that has just been raised (trap unit)
    EVENT = 0x50  # as EVENTINJ's low word: [7:0] vector, [10:8] type, [11] has error code, [31] valid. Writing starts no delivery
    EVENT_ERROR = 0x51  # its error code
    FAULT_ADDRESS = 0x52  # linear address of a #PF; the trap unit copies it to CR2
    FAULT_CODE = 0x53  # selector error code (bits 15:2, and EXT, IDT, TI as needed) that faults of class *_CODE report
    RETURN_EIP = 0x54  # what the delivery pushes: EIP for faults, next EIP for traps, interrupts and software interrupts
    # actions on write
    INVALIDATE_PAGE = 0x58  # linear address: both TLBs drop the page in the current ASID
    FLUSH_TLB = 0x59  # bits 2:0 a TlbFlush, 11:4 the ASID and 31:12 the page where it takes one
    FLUSH_CACHES = 0x5A  # any value: both caches are emptied
    # facts of the decoded instruction, read only
    LENGTH = 0x5C
    OPERAND_BYTES = 0x5D  # 1, 2 or 4
    ADDRESS_BYTES = 0x5E  # 2 or 4
    MODRM = 0x5F
    REP = 0x60  # a Rep
    DATA_SEGMENT = 0x61  # DS or the override, as Segment
    TARGET_SEGMENT = 0x62  # the segment of *_SREG functions, 4 bits; set to modrm.reg when an instruction starts, writable
    EA_SEGMENT = 0x63  # segment of the addressing form, read only
    HOLD_0 = 0x64  # four plain 32-bit words for microprograms that need more than eight temporaries
    HOLD_1 = 0x65
    HOLD_2 = 0x66
    HOLD_3 = 0x67
    DR0 = 0x68  # + n for DRn; DR4 is DR6, DR5 is DR7
    DR1 = 0x69
    DR2 = 0x6A
    DR3 = 0x6B
    DR4 = 0x6C
    DR5 = 0x6D
    DR6 = 0x6E
    DR7 = 0x6F
    EXTENSION = 0x80


class Rep(enum.IntEnum, shape=2):
    """The repeat prefix of an instruction: the last one counts."""

    NONE = 0
    REPE = 1  # F3: REP, REPE, and PAUSE with NOP
    REPNE = 2  # F2


class InterruptState(enum.IntFlag, shape=2):
    """Bits of INTERRUPT_STATE."""

    SHADOW = 1  # interrupts held for one instruction (STI, MOV SS, POP SS)
    NMI_MASKED = 2  # until IRET


class TlbFlush(enum.Enum, shape=3):
    """What FLUSH_TLB drops. CURRENT_* act on the ASID in force."""

    CURRENT_NON_GLOBAL = 0
    CURRENT_ALL = 1
    EVERYTHING = 2
    ASID_ALL = 3
    ASID_NON_GLOBAL = 4
    ASID_PAGE = 5
