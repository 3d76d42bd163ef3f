"""Ring −1's special registers, functions and intercept points, by the names that its microprograms use."""

from amaranth.lib import enum

from rtl.arch.special import Special
from rtl.microcode.uop import InterceptPoint

__all__ = ["HOST_WORDS", "Host", "Own", "Point"]

HOST_WORDS = 64
_BASE = int(Special.EXTENSION)


class Host(enum.IntEnum, shape=8):
    """Host state, kept on chip from VMRUN to #VMEXIT: plain words, 80h to BFh. Segments: + Segment (ES 0, CS 1, SS 2, DS 3)."""

    SELECTOR = _BASE
    BASE = _BASE + 4
    LIMIT = _BASE + 8
    ATTRIBUTES = _BASE + 12
    GDTR_BASE = _BASE + 16
    GDTR_LIMIT = _BASE + 17
    IDTR_BASE = _BASE + 18
    IDTR_LIMIT = _BASE + 19
    EFLAGS = _BASE + 20
    EIP = _BASE + 21
    EAX = _BASE + 22
    ESP = _BASE + 23
    CR0 = _BASE + 24
    CR3 = _BASE + 25
    CR4 = _BASE + 26
    EFER = _BASE + 27
    HSAVE_PA = _BASE + 28
    VMCB_PA = _BASE + 29
    EVENTINJ = _BASE + 30  # of the VMRUN under way
    EVENTINJ_ERROR = _BASE + 31
    INJECTED_NEXT_RIP = _BASE + 32  # of a software interrupt


class Own(enum.IntEnum, shape=8):
    """Registers with a meaning to ring −1's circuits, C0h and above."""

    GIF = _BASE + HOST_WORDS
    GUEST = _BASE + HOST_WORDS + 1  # 1 = guest mode
    VM_CR = _BASE + HOST_WORDS + 2
    INTERCEPT_CR = _BASE + HOST_WORDS + 3  # the VMCB's words at 0, 4, 8, Ch, 10h
    INTERCEPT_DR = _BASE + HOST_WORDS + 4
    INTERCEPT_EXCEPTIONS = _BASE + HOST_WORDS + 5
    INTERCEPT_GENERAL1 = _BASE + HOST_WORDS + 6
    INTERCEPT_GENERAL2 = _BASE + HOST_WORDS + 7
    IOPM_BASE = _BASE + HOST_WORDS + 8
    MSRPM_BASE = _BASE + HOST_WORDS + 9
    TSC_OFFSET_LOW = _BASE + HOST_WORDS + 10
    TSC_OFFSET_HIGH = _BASE + HOST_WORDS + 11
    ASID = _BASE + HOST_WORDS + 12
    INT_CONTROL = _BASE + HOST_WORDS + 13  # the VMCB's word at 60h
    INT_VECTOR = _BASE + HOST_WORDS + 14
    EXITCODE = _BASE + HOST_WORDS + 15
    EXITINFO1 = _BASE + HOST_WORDS + 16
    EXITINFO2 = _BASE + HOST_WORDS + 17
    NRIP = _BASE + HOST_WORDS + 18
    HOST_IF = _BASE + HOST_WORDS + 19  # the host's EFLAGS.IF at VMRUN
    INJECT = _BASE + HOST_WORDS + 20  # 1 = EVENTINJ waits for the first boundary in the guest


class Point(enum.IntEnum, shape=6):
    """Intercept points of ring −1's own instructions and events."""

    VMRUN = int(InterceptPoint.EXTENSION_0.value)
    VMMCALL = VMRUN + 1
    VMLOAD = VMRUN + 2
    VMSAVE = VMRUN + 3
    STGI = VMRUN + 4
    CLGI = VMRUN + 5
    SKINIT = VMRUN + 6
    INVLPGA = VMRUN + 7
    VINTR = VMRUN + 8
    INIT = VMRUN + 9
