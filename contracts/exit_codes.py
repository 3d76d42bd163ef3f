"""EXITCODE of the VMCB (AMD64 APM vol. 2, appendix C)."""

from enum import IntEnum

__all__ = ["INVALID", "ExitCode", "exit_name"]

INVALID = (1 << 64) - 1


class ExitCode(IntEnum):
    """Exit codes; CR, DR and exception codes are a base plus a number."""

    CR_READ = 0x00
    CR_WRITE = 0x10
    DR_READ = 0x20
    DR_WRITE = 0x30
    EXCEPTION = 0x40
    INTR = 0x60
    NMI = 0x61
    SMI = 0x62
    INIT = 0x63
    VINTR = 0x64
    CR0_SEL_WRITE = 0x65
    IDTR_READ = 0x66
    GDTR_READ = 0x67
    LDTR_READ = 0x68
    TR_READ = 0x69
    IDTR_WRITE = 0x6A
    GDTR_WRITE = 0x6B
    LDTR_WRITE = 0x6C
    TR_WRITE = 0x6D
    RDTSC = 0x6E
    RDPMC = 0x6F
    PUSHF = 0x70
    POPF = 0x71
    CPUID = 0x72
    RSM = 0x73
    IRET = 0x74
    SWINT = 0x75
    INVD = 0x76
    PAUSE = 0x77
    HLT = 0x78
    INVLPG = 0x79
    INVLPGA = 0x7A
    IOIO = 0x7B
    MSR = 0x7C
    TASK_SWITCH = 0x7D
    FERR_FREEZE = 0x7E
    SHUTDOWN = 0x7F
    VMRUN = 0x80
    VMMCALL = 0x81
    VMLOAD = 0x82
    VMSAVE = 0x83
    STGI = 0x84
    CLGI = 0x85
    SKINIT = 0x86
    RDTSCP = 0x87
    ICEBP = 0x88
    WBINVD = 0x89
    MONITOR = 0x8A
    MWAIT = 0x8B
    MWAIT_CONDITIONAL = 0x8C
    XSETBV = 0x8D
    NPF = 0x400


_FAMILIES = ((ExitCode.CR_READ, 16), (ExitCode.CR_WRITE, 16), (ExitCode.DR_READ, 16), (ExitCode.DR_WRITE, 16), (ExitCode.EXCEPTION, 32))


def exit_name(code: int) -> str:
    """The name of an exit code, 64 or 32 bits wide: ``CR_WRITE_3``, ``EXCEPTION_14``, ``HLT``, ``INVALID``."""
    if code in (INVALID, INVALID & 0xFFFF_FFFF):
        return "INVALID"
    for first, count in _FAMILIES:
        if first <= code < first + count:
            return f"{first.name}_{code - first}"
    try:
        return ExitCode(code).name
    except ValueError:
        return f"UNKNOWN_{code:X}"
