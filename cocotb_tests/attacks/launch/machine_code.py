"""Steps as machine code, for who has no launcher to carry them out: a block that was launched, a guest."""

import struct
from collections.abc import Iterable

from contracts.architecture import Cr0, Eflags
from contracts.memory_map import Port
from contracts.msr import Efer, Msr
from contracts.vmcb import SIZE, General1, General2, SegmentPart, field, segment
from firmware.launcher.steps import Do, Step

__all__ = ["STACK_SEGMENT", "carries_out", "enters_guest", "outputs_32", "says", "vmcb"]

STACK_SEGMENT = b"\x36"  # prefix: behind SKINIT no other reaches all of memory
_MOV_BYTE, _TEST_BYTE = b"\xc6\x05", b"\xf6\x05"
_CODE, _DATA = 0xC9B, 0xC93  # attributes of flat 32-bit segments
_FLAT = 0xFFFF_FFFF
_ASID = 1


def says(letter: str) -> bytes:
    """mov al, letter; out E9h, al"""
    return bytes((0xB0, ord(letter), 0xE6, Port.DEBUG_CONSOLE))


def carries_out(steps: Iterable[Step], prefix: bytes = b"") -> bytes:
    """Those that write bytes, and those that wait."""
    code = b""
    for what, address, value in steps:
        operands = struct.pack("<IB", address, value)
        if what is Do.WRITE_8:
            code += prefix + _MOV_BYTE + operands
        elif what is Do.POLL:
            test = prefix + _TEST_BYTE + operands
            code += test + b"\x74" + struct.pack("b", -len(test) - 2)  # jz back
    return code


def _wrmsr(msr: Msr, value: int) -> bytes:
    """mov ecx, msr; mov eax, value; xor edx, edx; wrmsr"""
    return b"\xb9" + struct.pack("<I", msr) + b"\xb8" + struct.pack("<I", value) + b"\x31\xd2\x0f\x30"


def enters_guest(block: int) -> bytes:
    """VMRUN of the VMCB at ``block``; behind it lies the host's save area."""
    return _wrmsr(Msr.EFER, Efer.SVME) + _wrmsr(Msr.VM_HSAVE_PA, block + SIZE) + b"\xb8" + struct.pack("<I", block) + b"\x0f\x01\xd8"


def vmcb(entry: int) -> bytes:
    """A guest in flat 32-bit protected mode without paging, that exits by HLT, or when it ends in shutdown."""
    block = bytearray(SIZE)

    def put(name: str, value: int) -> None:
        place = field(name)
        block[place.offset : place.offset + place.size] = value.to_bytes(place.size, "little")

    for name in ("ES", "CS", "SS", "DS"):
        put(segment(name, SegmentPart.ATTRIB).name, _CODE if name == "CS" else _DATA)
        put(segment(name, SegmentPart.LIMIT).name, _FLAT)
    put("INTERCEPT_GENERAL1", 1 << General1.HLT | 1 << General1.SHUTDOWN)
    put("INTERCEPT_GENERAL2", 1 << General2.VMRUN)
    put("ASID", _ASID)
    put("EFER", Efer.SVME)
    put("CR0", Cr0.PE | Cr0.ET)
    put("RFLAGS", Eflags.ALWAYS)
    put("RIP", entry)
    return bytes(block)


def outputs_32(words: Iterable[tuple[int, int]]) -> bytes:
    """For each port and value: mov eax, value; mov dx, port; out dx, eax. Then ret."""
    return b"".join(b"\xb8" + struct.pack("<I", value) + b"\x66\xba" + struct.pack("<H", port) + b"\xef" for port, value in words) + b"\xc3"
